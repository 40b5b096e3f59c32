package redisio

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// lasting has the errors of a server that do not heal by themselves. The key has another type, a
// command is wrong or missing, or a right or the password is wrong.
var lasting = []string{"WRONGTYPE", "ERR unknown", "ERR wrong number", "ERR syntax", "NOPERM", "ERR The user executing the script can't run", "NOAUTH", "WRONGPASS", "ERR invalid password", "ERR Invalid stream ID"}

// Heals reports whether an error of a call can pass by itself: the server is away, restarts, loads
// its data, fails over, or has lost the group. Errors that do not pass: a key of another type, a
// wrong command, a missing right, a wrong password, or a client that is closed. See [Ends].
func Heals(err error) bool {
	if _, ok := errors.AsType[redis.Error](err); !ok {
		return !errors.Is(err, redis.ErrClosed)
	}
	for _, prefix := range lasting {
		if strings.HasPrefix(err.Error(), prefix) {
			return false
		}
	}
	return true
}

// noGroup reports whether the stream or its group does not exist, as after a flush.
func noGroup(err error) bool {
	return strings.Contains(err.Error(), "NOGROUP") || strings.HasPrefix(err.Error(), "ERR no such key")
}

// The waits between tries of what heals.
const (
	firstWait = 20 * time.Millisecond
	lastWait  = time.Second
)

// lasts reports whether an error does not heal.
func lasts(err error) bool { return !Heals(err) }

// persist calls f until it succeeds, ctx ends, or f fails with an error that ends the tries. It
// calls trouble with each other error.
func persist(ctx context.Context, ends func(error) bool, trouble func(error), f func(context.Context) error) error {
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		err := f(ctx)
		if err == nil || ctx.Err() != nil || ends(err) {
			return err
		}
		trouble(err)
		if !sleep(ctx, wait) {
			return err
		}
	}
}

// sleep waits for d. It returns false if ctx has ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		return false
	}
	return true
}
