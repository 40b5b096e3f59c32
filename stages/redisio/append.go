package redisio

import (
	"context"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/weir-go/weir/stages"
)

// Append returns a function that adds a batch to the stream at key, in order, by one pipeline. It
// is for a ForEachBatch, or by [Passing] for a MapBatch. entry returns the fields of a value: a
// map, or a list of names and values. A value for which it fails, that the client cannot encode, or
// that the server refuses, fails alone, by a [stages.BatchError].
//
// bound is about how many entries the stream keeps, 0 for all. Above it the server removes the
// oldest ones, whether they were read or not.
//
// The server makes the id of an entry. So an entry is added twice if the answer is lost, or if the
// value comes again after a crash. The client repeats a pipeline whose connection was lost. Entries
// are repeated then, and the first copies are in order. If the server refuses a value, such as for
// lack of memory, and the value is tried again, it comes behind the values that were added.
func Append[T any](client redis.UniversalClient, key string, bound int64, entry func(T) (any, error)) func(context.Context, []T) error {
	return func(ctx context.Context, vs []T) error {
		w := &appending{client: client, errs: map[int]error{}}
		for i, v := range vs {
			fields, err := entry(v)
			if err != nil {
				w.errs[i] = err
				continue
			}
			w.entries = append(w.entries, appended{i, &redis.XAddArgs{Stream: key, MaxLen: bound, Approx: bound > 0, Values: fields}})
		}
		err := w.add(ctx, w.entries)
		switch {
		case len(w.errs) == 0:
			return nil
		case len(w.entries) == len(vs) && err != nil:
			return err
		}
		return &stages.BatchError{Errs: w.errs}
	}
}

// appended is an entry, and the place of its value in the batch.
type appended struct {
	at   int
	args *redis.XAddArgs
}

// appending is a batch that is being added.
type appending struct {
	client  redis.UniversalClient
	entries []appended
	errs    map[int]error // by the place of the value
}

// add adds entries by one pipeline. If all of them have failed for one reason, it returns that. If
// the client cannot encode one of them, it sends none, and add adds the halves.
func (w *appending) add(ctx context.Context, entries []appended) error {
	if len(entries) == 0 {
		return nil
	}
	pipe, commands := w.client.Pipeline(), make([]*redis.StringCmd, len(entries))
	for i, e := range entries {
		commands[i] = pipe.XAdd(ctx, e.args)
	}
	_, err := pipe.Exec(ctx) // each command has an error of its own
	if err != nil && len(entries) > 1 && strings.HasPrefix(err.Error(), "redis: can't marshal") {
		half := len(entries) / 2
		_ = w.add(ctx, entries[:half])
		_ = w.add(ctx, entries[half:])
		return nil
	}
	for i, c := range commands {
		if c.Err() == nil || c.Err().Error() != commands[0].Err().Error() {
			err = nil
		}
		if c.Err() != nil {
			w.errs[entries[i].at] = c.Err()
		}
	}
	return err
}

// Passing returns a function for a MapBatch that calls write and returns the values.
func Passing[T any](write func(context.Context, []T) error) func(context.Context, []T) ([]T, error) {
	return func(ctx context.Context, vs []T) ([]T, error) { return vs, write(ctx, vs) }
}
