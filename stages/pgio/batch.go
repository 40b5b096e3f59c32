package pgio

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/weir-go/weir/stages"
)

// Copier is what [Copy] writes to: a pool, a connection or a transaction of pgx.
type Copier interface {
	CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (int64, error)
}

// Copy returns a function that writes a batch with COPY. It is for a ForEachBatch or, by
// [Passing], for a MapBatch. values returns the columns of one row; a row for which it fails is
// not written.
//
// If the server refuses the batch because of its data, Copy writes its halves, and so on, until it
// has found the bad rows. They fail alone, by a [stages.BatchError]. A bad row of a batch of 1,000
// costs about 20 statements more. db must be no transaction then: a failed statement ends it.
func Copy[T any](db Copier, table pgx.Identifier, columns []string, values func(T) ([]any, error)) func(context.Context, []T) error {
	return func(ctx context.Context, vs []T) error {
		rows, b := make([][]any, len(vs)), newBisection(len(vs))
		for i, v := range vs {
			var err error
			if rows[i], err = values(v); err != nil {
				b.fail(i, err)
			}
		}
		return b.run(ctx, func(ctx context.Context, at []int) error {
			_, err := db.CopyFrom(ctx, table, columns, pgx.CopyFromSlice(len(at), func(i int) ([]any, error) { return rows[at[i]], nil }))
			return err
		})
	}
}

// Statement returns a function that writes a batch with one statement, such as an upsert from
// arrays. See [Copy] for what happens to bad rows.
//
//	insert into totals (id, sum) select * from unnest($1::bigint[], $2::numeric[])
//	on conflict (id) do update set sum = excluded.sum
//
// args returns the arguments of the statement for some of the values, mostly an array for each
// column. Two rows of a batch that update the same row are refused by the server. They count as
// data that is refused: they are written one after the other.
func Statement[T any](db DB, sql string, args func([]T) []any) func(context.Context, []T) error {
	return func(ctx context.Context, vs []T) error {
		return newBisection(len(vs)).run(ctx, func(ctx context.Context, at []int) error {
			some := make([]T, len(at))
			for i, j := range at {
				some[i] = vs[j]
			}
			_, err := db.Exec(ctx, sql, args(some)...)
			return err
		})
	}
}

// Passing returns a function for a MapBatch that calls write and returns the values.
func Passing[T any](write func(context.Context, []T) error) func(context.Context, []T) ([]T, error) {
	return func(ctx context.Context, vs []T) ([]T, error) { return vs, write(ctx, vs) }
}

// bisection writes a batch. If the batch is refused, it finds the faulty rows.
type bisection struct {
	todo   []int
	errs   map[int]error
	halved bool
}

func newBisection(n int) *bisection {
	b := &bisection{todo: make([]int, n), errs: map[int]error{}}
	for i := range b.todo {
		b.todo[i] = i
	}
	return b
}

func (b *bisection) fail(i int, err error) { b.errs[i] = err }

// run writes the rows that have not failed. If it ends early, only the unwritten rows fail with the
// reason: the others must not be written again.
func (b *bisection) run(ctx context.Context, write func(context.Context, []int) error) error {
	var good []int
	for _, i := range b.todo {
		if b.errs[i] == nil {
			good = append(good, i)
		}
	}
	err := b.halve(ctx, good, write)
	switch {
	case len(b.errs) == 0:
		return nil
	case len(good) == len(b.todo) && !b.halved:
		return err // all rows have this error
	}
	return &stages.BatchError{Errs: b.errs}
}

func (b *bisection) halve(ctx context.Context, at []int, write func(context.Context, []int) error) error {
	if len(at) == 0 {
		return nil
	}
	err := write(ctx, at)
	if err == nil {
		return nil
	}
	if len(at) == 1 || !ofData(err) {
		for _, i := range at {
			b.fail(i, err)
		}
		return err
	}
	b.halved = true
	half := len(at) / 2
	return errors.Join(b.halve(ctx, at[:half], write), b.halve(ctx, at[half:], write))
}
