package redisio

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/weir-go/weir/stages"
)

// errNoEntry is the error for a failed item whose entry cannot be found.
var errNoEntry = errors.New("redisio: the item has no entry: add a Remember stage behind the source")

// DeadLetter moves the entry of a failed item to the stream of dead letters, which is beside the
// stream, with the reason. It is the function of a DeadLetter stage. The entry is the value of the
// item, or what the item was at a Remember stage.
func (s *Stream) DeadLetter(ctx context.Context, e *stages.ItemError) error {
	for _, v := range []any{e.Value, e.Origin} {
		if m, ok := v.(redis.XMessage); ok {
			return s.bury(ctx, tokenOf(m), e.Error())
		}
	}
	return errNoEntry
}

func (s *Stream) bury(ctx context.Context, t token, reason string) error {
	keys := []string{s.key, s.beside("due"), s.DeadKey()}
	if err := buryScript.Run(ctx, s.client, keys, s.group, t.id, reason, t.deliveries).Err(); err != nil {
		return fmt.Errorf("redisio: dead letter of %q: %w", s.key, err)
	}
	if s.remove {
		return s.client.XDel(ctx, s.key, t.id).Err()
	}
	return nil
}

// DeadKey returns the key of the stream of dead letters. The stream is not bounded; the caller
// trims it.
func (s *Stream) DeadKey() string { return s.beside("dead") }

// Letter is an entry that is dead. Its id is that in the stream of dead letters.
type Letter struct {
	redis.XMessage
	// Origin is the id that the entry had.
	Origin string
	// Reason is why the entry is dead, such as the text of an error.
	Reason string
}

// Letters returns the next dead letters, n at most, with ids above after; "" stands for the
// beginning.
func (s *Stream) Letters(ctx context.Context, after string, n int64) ([]Letter, error) {
	from := "-"
	if after != "" {
		from = "(" + after
	}
	messages, err := s.client.XRangeN(ctx, s.DeadKey(), from, "+", n).Result()
	if err != nil {
		return nil, fmt.Errorf("redisio: letters of %q: %w", s.key, err)
	}
	letters := make([]Letter, len(messages))
	for i, m := range messages {
		l := Letter{XMessage: m, Origin: text(m, "weir-id"), Reason: text(m, "weir-reason")}
		l.DeliveredCount, _ = strconv.ParseInt(text(m, "weir-deliveries"), 10, 64)
		for _, name := range []string{"weir-id", "weir-reason", "weir-deliveries"} {
			delete(m.Values, name)
		}
		letters[i] = l
	}
	return letters, nil
}

func text(m redis.XMessage, field string) string {
	s, _ := m.Values[field].(string)
	return s
}

// Replay moves dead letters back to the end of the stream, as new entries. It returns how many
// there were.
func (s *Stream) Replay(ctx context.Context, ids ...string) (int64, error) {
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	n, err := replayScript.Run(ctx, s.client, []string{s.key, s.DeadKey()}, args...).Int64()
	if err != nil {
		return 0, fmt.Errorf("redisio: replay of %q: %w", s.key, err)
	}
	return n, nil
}
