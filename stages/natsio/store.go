package natsio

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/weir-go/weir/primitives/store"
)

// Store is a [store.Store] in a stream that keeps one message for each key. Breakers and
// deduplicators share their state by it; see package fleet. It is not a key-value bucket, because
// the Update of a bucket takes no ttl.
//
// The unit of a ttl is the second. A write is one request, a Load is one, and a List is one more
// than it has entries. The age of an entry needs the clock of the server, which is asked for once in
// 10 seconds. If the stream is lost, the store makes it again, with revisions above all earlier ones.
//
// The methods may be called from any goroutine.
type Store struct {
	js     jetstream.JetStream
	config jetstream.StreamConfig

	mu     sync.Mutex
	stream jetstream.Stream
	skew   time.Duration // clock of the server minus that of this process
	asked  time.Time
}

const (
	ttlHeader    = "Nats-TTL"
	markerHeader = "Nats-Marker-Reason"
	// prevHeader has the revision that a write has replaced. With it a watch notices missed writes.
	prevHeader = "Weir-Prev"
	clockEvery = 10 * time.Second
)

// NewStore returns a store in the stream of a config, and makes the stream if there is none. Name is
// needed, and Replicas and Storage are yours to choose; NewStore sets the subjects, "Name.>", and
// the limits.
func NewStore(ctx context.Context, js jetstream.JetStream, config jetstream.StreamConfig) (*Store, error) {
	config.Subjects = []string{config.Name + ".>"}
	config.MaxMsgsPerSubject, config.AllowMsgTTL, config.Discard = 1, true, jetstream.DiscardNew
	s := &Store{js: js, config: config}
	err := s.make(ctx)
	if err != nil {
		return nil, &store.Error{Op: "open", Key: config.Name, Err: err}
	}
	return s, nil
}

// make finds the stream, or makes it. Its first revision is higher than any of earlier streams of
// that name, if there was less than one write in a microsecond.
func (s *Store) make(ctx context.Context) error {
	config := s.config
	config.FirstSeq = uint64(time.Now().UnixMicro())
	stream, err := openStream(ctx, s.js, config)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.stream, s.asked = stream, time.Time{}
	s.mu.Unlock()
	return s.clock(ctx)
}

// clock asks the server for its time, because the answer to a get does not tell it.
func (s *Store) clock(ctx context.Context) error {
	s.mu.Lock()
	stream, asked := s.stream, s.asked
	s.mu.Unlock()
	if !asked.IsZero() && time.Since(asked) < clockEvery {
		return nil
	}
	before := time.Now()
	info, err := stream.Info(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = time.Now()
	s.skew = info.TimeStamp.Sub(before.Add(time.Since(before) / 2))
	return nil
}

// age returns the age of a message from its time stamp.
func (s *Store) age(stamp time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(0, time.Since(stamp)+s.skew)
}

// call calls f. If the stream was lost and could be made again, it calls f once more.
func (s *Store) call(ctx context.Context, op, key string, f func(jetstream.Stream) error) error {
	s.mu.Lock()
	stream := s.stream
	s.mu.Unlock()
	err := f(stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, nats.ErrNoResponders) {
		if err = s.make(ctx); err == nil {
			s.mu.Lock()
			stream = s.stream
			s.mu.Unlock()
			err = f(stream)
		}
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		err = ctx.Err()
	}
	return &store.Error{Op: op, Key: key, Err: err}
}

func (s *Store) subject(key string) string {
	return s.config.Name + "." + strings.ReplaceAll(key, "/", ".")
}

func (s *Store) key(subject string) string {
	return strings.ReplaceAll(strings.TrimPrefix(subject, s.config.Name+"."), ".", "/")
}

// Load implements [store.Store].
func (s *Store) Load(ctx context.Context, key string) (e store.Entry, err error) {
	if err := ready(ctx, "load", key, store.CheckKey(key)); err != nil {
		return e, err
	}
	err = s.call(ctx, "load", key, func(stream jetstream.Stream) error {
		e, err = s.load(ctx, stream, key)
		return err
	})
	return e, err
}

func (s *Store) load(ctx context.Context, stream jetstream.Stream, key string) (store.Entry, error) {
	if err := s.clock(ctx); err != nil {
		return store.Entry{}, err
	}
	m, err := stream.GetLastMsgForSubject(ctx, s.subject(key))
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return store.Entry{}, nil
	case err != nil:
		return store.Entry{}, err
	case m.Header.Get(markerHeader) != "":
		return store.Entry{}, nil
	}
	return store.Entry{Key: key, Value: m.Data, Revision: m.Sequence, Age: s.age(m.Time)}, nil
}

// List implements [store.Store].
func (s *Store) List(ctx context.Context, folder string) (all []store.Entry, err error) {
	if err := ready(ctx, "list", folder, store.CheckFolder(folder)); err != nil {
		return nil, err
	}
	err = s.call(ctx, "list", folder, func(stream jetstream.Stream) error {
		all = nil
		info, err := stream.Info(ctx, jetstream.WithSubjectFilter(s.subject(folder)+">"))
		if err != nil {
			return err
		}
		for subject := range info.State.Subjects {
			e, err := s.load(ctx, stream, s.key(subject))
			if err != nil {
				return err
			}
			if e.Revision != 0 {
				all = append(all, e)
			}
		}
		return nil
	})
	return all, err
}

// CompareAndSet implements [store.Store].
func (s *Store) CompareAndSet(ctx context.Context, key string, revision uint64, value []byte, ttl time.Duration) (next uint64, err error) {
	if err := ready(ctx, "compare and set", key, store.CheckKey(key)); err != nil {
		return 0, err
	}
	if ttl <= 0 {
		return 0, &store.Error{Op: "compare and set", Key: key, Err: store.ErrTTL}
	}
	header := nats.Header{ttlHeader: {inSeconds(ttl)}, prevHeader: {fmt.Sprint(revision)}}
	err = s.call(ctx, "compare and set", key, func(jetstream.Stream) error {
		m := &nats.Msg{Subject: s.subject(key), Header: header, Data: value}
		ack, err := s.js.PublishMsg(ctx, m, jetstream.WithExpectLastSequencePerSubject(revision), jetstream.WithRetryAttempts(0))
		if conflict(err) {
			return store.ErrConflict
		}
		if err == nil {
			next = ack.Sequence
		}
		return err
	})
	return next, err
}

// conflict reports whether a write was refused because the entry has another revision.
func conflict(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// inSeconds rounds a ttl up to the server's unit.
func inSeconds(ttl time.Duration) string {
	if ttl > math.MaxInt64-time.Second {
		return "never"
	}
	return fmt.Sprintf("%ds", (ttl+time.Second-1)/time.Second)
}

func ready(ctx context.Context, op, key string, err error) error {
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return &store.Error{Op: op, Key: key, Err: ctx.Err()}
	}
	return nil
}
