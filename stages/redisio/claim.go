package redisio

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/weir-go/weir/stages/ack"
)

// token identifies a lease. The lease is over when the entry has another member or another count of
// deliveries.
type token struct {
	id         string
	deliveries int64
}

func tokenOf(m redis.XMessage) token { return token{m.ID, m.DeliveredCount} }

// read returns up to n new entries. It waits in the server for up to block. Their count of
// deliveries is 1.
func (s *Stream) read(ctx context.Context, reader redis.UniversalClient, me string, n int, block time.Duration) ([]redis.XMessage, error) {
	streams, err := reader.XReadGroup(ctx, &redis.XReadGroupArgs{
		Group: s.group, Consumer: me, Streams: []string{s.key, ">"}, Count: int64(n), Block: max(block, time.Millisecond),
	}).Result()
	if errors.Is(err, redis.Nil) || len(streams) == 0 {
		return nil, drop(err, redis.Nil)
	}
	messages := streams[0].Messages
	for i := range messages {
		messages[i].DeliveredCount = 1
	}
	return messages, err
}

// drop returns err, or nil if err is other.
func drop(err, other error) error {
	if errors.Is(err, other) {
		return nil
	}
	return err
}

// claimed is the result of [claimScript].
type claimed struct {
	cursor   string
	next     time.Duration // time until an entry is due, negative if there is none
	messages []redis.XMessage
}

// claimSize is the largest number of entries that one script takes: a script blocks the server.
const claimSize = 500

// claim takes up to n entries that are due. With a cursor it also takes entries of dead members.
func (s *Stream) claim(ctx context.Context, me string, n int, cursor string) (claimed, error) {
	reply, err := claimScript.Run(ctx, s.client, []string{s.key, s.beside("due")}, s.group, me, min(n, claimSize), s.term.Milliseconds(), cursor).Slice()
	if err != nil {
		return claimed{}, err
	}
	c := claimed{cursor: reply[0].(string), next: time.Duration(reply[1].(int64)) * time.Millisecond}
	if reply[1].(int64) < 0 {
		c.next = -1
	}
	for _, e := range reply[2].([]any) {
		parts := e.([]any)
		m := redis.XMessage{ID: parts[0].(string), DeliveredCount: parts[1].(int64), Values: map[string]any{}}
		fields, _ := parts[2].([]any)
		for i := 0; i+1 < len(fields); i += 2 {
			m.Values[fmt.Sprint(fields[i])] = fields[i+1]
		}
		c.messages = append(c.messages, m)
	}
	return c, nil
}

// held is a lease of a run. The run renews it.
type held = *ack.Lease[token]

// returned is an entry that goes back to the stream.
type returned struct {
	held  held
	after time.Duration
}

// release hands back entries of a member.
func (s *Stream) release(ctx context.Context, me string, entries []returned) error {
	args := []any{s.group, me}
	for _, e := range entries {
		t := e.held.ID()
		args = append(args, t.id, t.deliveries, ceil(e.after))
	}
	return releaseScript.Run(ctx, s.client, []string{s.key, s.beside("due")}, args...).Err()
}

// ceil rounds up to milliseconds: an entry must not come early.
func ceil(d time.Duration) int64 {
	ms := d.Milliseconds()
	if d > time.Duration(ms)*time.Millisecond {
		ms++
	}
	return ms
}

// renewSize is the largest number of entries that one script renews: a script blocks the server.
const renewSize = 500

// renew resets the idle time of entries of a member, and returns the entries that the member has
// lost.
func (s *Stream) renew(ctx context.Context, me string, tokens []token) (lost []token, err error) {
	for len(tokens) > 0 {
		some := tokens[:min(renewSize, len(tokens))]
		tokens = tokens[len(some):]
		args, by := []any{s.group, me}, make(map[string]token, len(some))
		for _, t := range some {
			args, by[t.id] = append(args, t.id, t.deliveries), t
		}
		ids, err := renewScript.Run(ctx, s.client, []string{s.key}, args...).StringSlice()
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			lost = append(lost, by[id])
		}
	}
	return lost, nil
}

// acknowledge settles done entries. An acknowledgement counts even if the lease is lost: the work
// is done.
func (s *Stream) acknowledge(ctx context.Context, tokens []token) error {
	ids := make([]string, len(tokens))
	for i, t := range tokens {
		ids[i] = t.id
	}
	if !s.remove {
		return s.client.XAck(ctx, s.key, s.group, ids...).Err()
	}
	_, err := s.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.XAck(ctx, s.key, s.group, ids...)
		p.XDel(ctx, s.key, ids...)
		return nil
	})
	return err
}

// leave removes the member from the group, and also members that are long gone. Members with
// pending entries stay.
func (s *Stream) leave(ctx context.Context, me string) error {
	gone := max(10*s.term, time.Hour).Milliseconds()
	err := leaveScript.Run(ctx, s.client, []string{s.key}, s.group, me, gone).Err()
	if err != nil && (noGroup(err) || errors.Is(err, redis.Nil)) {
		return nil
	}
	return err
}

// lag returns the number of entries that no member has received, -1 if the server does not know.
func (s *Stream) lag(ctx context.Context) (int64, error) {
	groups, err := s.client.XInfoGroups(ctx, s.key).Result()
	for _, g := range groups {
		if g.Name == s.group {
			return g.Lag, err
		}
	}
	return -1, err
}
