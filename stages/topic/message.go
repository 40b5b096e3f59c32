package topic

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/weir-go/weir/stages"
)

// Message is an item on its way through a broker.
type Message struct {
	// ID is the same for each attempt to publish the item. It is empty if the item's source gives
	// no IDs.
	ID string
	// Key says which items stay in order, and go to the same process. It is empty if that does
	// not matter.
	Key string
	// Header is what belongs to the item beside its value.
	Header map[string]string
	// Body is the encoded value.
	Body []byte
}

// Names in the header of a message. Durations are decimal nanoseconds.
const (
	// HeaderAge is the age of the item when it was published.
	HeaderAge = "Weir-Age"
	// HeaderSent is when it was published, in nanoseconds since 1970.
	HeaderSent = "Weir-Sent"
	// HeaderLeft is the time that the item had left. It is missing if there is no deadline.
	HeaderLeft = "Weir-Left"
	// HeaderTimings is what the stages have cost the item, as JSON: a list of [name, wait, work,
	// attempts].
	HeaderTimings = "Weir-Timings"
	// HeaderID is the ID of the item at its source.
	HeaderID = "Weir-Id"
)

// Codec turns values into bytes and back. Its methods are called from several goroutines.
type Codec[T any] interface {
	Encode(v T) ([]byte, error)
	Decode(b []byte) (T, error)
}

// JSON is the codec of encoding/json.
type JSON[T any] struct{}

// Encode implements [Codec].
func (JSON[T]) Encode(v T) ([]byte, error) { return json.Marshal(v) }

// Decode implements [Codec].
func (JSON[T]) Decode(b []byte) (v T, err error) { return v, json.Unmarshal(b, &v) }

// Propagator carries what the context of an item holds, such as a trace, in the header of its
// message. Its methods are called from several goroutines.
type Propagator interface {
	// Inject adds what ctx holds to the header.
	Inject(ctx context.Context, header map[string]string)
	// Extract returns ctx with what the header holds.
	Extract(ctx context.Context, header map[string]string) context.Context
}

// Config is what a topic has to know of its items. The zero value is ready for use.
type Config[T any] struct {
	// Codec encodes the values; nil stands for [JSON].
	Codec Codec[T]
	// Key returns the key of an item: items with equal keys stay in order, as far as the broker
	// keeps it. nil stands for no keys.
	Key func(T) string
	// Propagator carries contexts across; nil for none.
	Propagator Propagator
}

func (c Config[T]) codec() Codec[T] {
	if c.Codec == nil {
		return JSON[T]{}
	}
	return c.Codec
}

// Seal returns the message of an item that is about to leave its part by a topic.
func (c Config[T]) Seal(ctx context.Context, topic string, in *stages.Inlet[T], it stages.Item[T]) (Message, error) {
	body, err := c.codec().Encode(it.Value)
	if err != nil {
		return Message{}, fmt.Errorf("topic %q: encode: %w", topic, err)
	}
	m := Message{Body: body, Header: map[string]string{}}
	if c.Key != nil {
		m.Key = c.Key(it.Value)
	}
	j := in.Journey(it)
	m.Header[HeaderAge] = strconv.FormatInt(int64(j.Age), 10)
	m.Header[HeaderSent] = strconv.FormatInt(time.Now().UnixNano(), 10)
	if j.Left > 0 {
		m.Header[HeaderLeft] = strconv.FormatInt(int64(j.Left), 10)
	}
	if len(j.Timings) > 0 {
		m.Header[HeaderTimings] = encodeTimings(j.Timings)
	}
	if c.Propagator != nil {
		c.Propagator.Inject(ctx, m.Header)
	}
	if m.ID = in.PublishID(it, topic, body); m.ID != "" {
		m.Header[HeaderID] = m.ID
	}
	return m, nil
}

// Open returns the value of a message and the receipt for it, which is r with what the header
// holds: context, ID, age, deadline and timings. r.ID is what the broker calls the message; it
// counts if the message has no ID of its own. Entries of the header that cannot be read are left
// out. The error is that of the codec. A panic of the codec or the propagator is an error as well, so
// it costs one item.
func (c Config[T]) Open(topic string, m Message, r stages.Receipt) (v T, out stages.Receipt, err error) {
	defer func() {
		if p := recover(); p != nil {
			out, err = r, fmt.Errorf("topic %q: decode: %w", topic, &stages.PanicError{Stage: topic, Value: p, Stack: debug.Stack()})
		}
	}()
	v, err = c.codec().Decode(m.Body)
	if err != nil {
		return v, r, fmt.Errorf("topic %q: decode: %w", topic, err)
	}
	if id := m.Header[HeaderID]; id != "" {
		r.ID = id
	}
	if c.Propagator != nil {
		ctx := r.Context
		if ctx == nil {
			ctx = context.Background()
		}
		r.Context = c.Propagator.Extract(ctx, m.Header)
	}
	r.Journey = journey(topic, m.Header)
	return v, r, nil
}

// journey reads the history of an item from the header. The time in the topic is the difference of
// two clocks, and at least 0.
func journey(topic string, header map[string]string) *stages.Journey {
	transit := time.Duration(0)
	if sent := number(header[HeaderSent]); sent > 0 {
		transit = max(0, time.Since(time.Unix(0, sent)))
	}
	j := &stages.Journey{Age: time.Duration(number(header[HeaderAge])) + transit}
	if left := time.Duration(number(header[HeaderLeft])); left > 0 {
		j.Left = max(left-transit, 1)
	}
	j.Timings = append(decodeTimings(header[HeaderTimings]), stages.Timing{Stage: topic, Wait: transit})
	return j
}

// number returns 0 for a text that is not a number of nanoseconds, or is out of range.
func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > 1<<62 {
		return 0
	}
	return n
}
