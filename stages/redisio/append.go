package redisio

import (
	"context"

	"github.com/redis/go-redis/v9"

	"github.com/weir-go/weir/stages"
)

// Append returns a function that adds a batch to the stream at key, in order, by one pipeline. It
// is for a ForEachBatch, or by [Passing] for a MapBatch. entry returns the fields of a value: a
// map, or a list of names and values. A value for which it fails, or that the server refuses, fails
// alone, by a [stages.BatchError].
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
		pipe, commands, errs := client.Pipeline(), make([]*redis.StringCmd, len(vs)), map[int]error{}
		for i, v := range vs {
			fields, err := entry(v)
			if err != nil {
				errs[i] = err
				continue
			}
			commands[i] = pipe.XAdd(ctx, &redis.XAddArgs{Stream: key, MaxLen: bound, Approx: bound > 0, Values: fields})
		}
		if pipe.Len() > 0 {
			_, _ = pipe.Exec(ctx) // each command has an error of its own
		}
		var last error
		for i, c := range commands {
			if c != nil && c.Err() != nil {
				errs[i], last = c.Err(), c.Err()
			}
		}
		switch {
		case len(errs) == 0:
			return nil
		case len(errs) == len(vs) && last != nil:
			return last
		}
		return &stages.BatchError{Errs: errs}
	}
}

// Passing returns a function for a MapBatch that calls write and returns the values.
func Passing[T any](write func(context.Context, []T) error) func(context.Context, []T) ([]T, error) {
	return func(ctx context.Context, vs []T) ([]T, error) { return vs, write(ctx, vs) }
}
