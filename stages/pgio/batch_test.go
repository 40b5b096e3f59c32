package pgio_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/pgio"
)

// numbers returns 0 to n-1 with the given ones negated: the table refuses those.
func numbers(n int, bad ...int) []int {
	all := make([]int, n)
	for i := range all {
		if all[i] = i; slices.Contains(bad, i) {
			all[i] = -i
		}
	}
	return all
}

func TestABadRowOfABatchFailsAlone(t *testing.T) {
	pool := connect(t)
	for name, write := range map[string]func(table string) func(context.Context, []int) error{
		"copy": func(table string) func(context.Context, []int) error {
			return pgio.Copy(pool, pgx.Identifier{table}, []string{"n"}, func(n int) ([]any, error) {
				if n == 13 {
					return nil, errors.New("unlucky")
				}
				if n == 14 {
					return []any{struct{}{}}, nil // not a number
				}
				return []any{n}, nil
			})
		},
		"statement": func(table string) func(context.Context, []int) error {
			return pgio.Statement(pool, fmt.Sprintf("insert into %s select unnest($1::int[])", table), func(ns []int) []any { return []any{ns} })
		},
	} {
		t.Run(name, func(t *testing.T) {
			table := "bad_" + name
			_, err := pool.Exec(t.Context(), fmt.Sprintf("create table %s (n int primary key check (n >= 0))", table))
			require.NoError(t, err)
			write := write(table)
			require.NoError(t, write(t.Context(), nil))
			err = write(t.Context(), numbers(100, 7, 8, 99))
			var batch *stages.BatchError
			require.ErrorAs(t, err, &batch)
			want := []int{7, 8, 99}
			if name == "copy" {
				want = []int{7, 8, 13, 14, 99}
				require.ErrorContains(t, batch.Errs[13], "unlucky")
			}
			require.Equal(t, want, slices.Sorted(maps.Keys(batch.Errs)))
			require.ErrorContains(t, batch.Errs[99], "check constraint")
			var n int
			require.NoError(t, pool.QueryRow(t.Context(), "select count(*) from "+table).Scan(&n))
			require.Equal(t, 100-len(want), n)
		})
	}
}

// An upsert that meets the same row twice writes both, in order.
func TestAnUpsertOfOneRowTwice(t *testing.T) {
	pool := connect(t)
	_, err := pool.Exec(t.Context(), "create table twice (id int primary key, v int)")
	require.NoError(t, err)
	write := pgio.Statement(pool, `insert into twice select * from unnest($1::int[], $2::int[]) on conflict (id) do update set v = excluded.v`,
		func(vs []int) []any {
			ids := make([]int, len(vs))
			for i, v := range vs {
				ids[i] = v % 10
			}
			return []any{ids, vs}
		})
	require.NoError(t, write(t.Context(), numbers(30)))
	var v int
	require.NoError(t, pool.QueryRow(t.Context(), "select v from twice where id = 3").Scan(&v))
	require.Equal(t, 23, v)
}

// What is not the data's fault fails the batch at once, and rows that are written stay written.
func TestABatchThatCannotBeWritten(t *testing.T) {
	pool := connect(t)
	calls := 0
	write := pgio.Statement(counting{pool, &calls}, "insert into nowhere select unnest($1::int[])", func(vs []int) []any { return []any{vs} })
	err := write(t.Context(), numbers(100))
	require.ErrorContains(t, err, "nowhere")
	require.NotErrorIs(t, err, &stages.BatchError{})
	require.Equal(t, 1, calls)
}

// counting counts statements.
type counting struct {
	pgio.DB
	calls *int
}

func (c counting) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	*c.calls++
	return c.DB.Exec(ctx, sql, args...)
}

// Each row has an error of its own, if all rows are bad.
func TestAllRowsOfABatchAreBad(t *testing.T) {
	pool := connect(t)
	_, err := pool.Exec(t.Context(), "create table allbad (n int check (n >= 0))")
	require.NoError(t, err)
	write := pgio.Copy(pool, pgx.Identifier{"allbad"}, []string{"n"}, func(n int) ([]any, error) {
		if n == 0 {
			return nil, errors.New("unlucky")
		}
		return []any{-n}, nil
	})
	err = write(t.Context(), []int{0, 1, 2})
	var batch *stages.BatchError
	require.ErrorAs(t, err, &batch)
	require.Len(t, batch.Errs, 3)
	require.ErrorContains(t, batch.Errs[0], "unlucky")
	require.NotContains(t, batch.Errs[1].Error(), "\n")
}

// A value that is too long for an index is data as well.
func TestARowThatIsTooLongForAnIndexFailsAlone(t *testing.T) {
	pool := connect(t)
	_, err := pool.Exec(t.Context(), "create table longkeys (k bytea primary key)")
	require.NoError(t, err)
	long := make([]byte, 10_000)
	for i := range long {
		long[i] = byte(i*i*7919>>5 ^ i*31 ^ i>>3)
	}
	write := pgio.Statement(pool, "insert into longkeys select * from unnest($1::bytea[])", func(ks [][]byte) []any { return []any{ks} })
	err = write(t.Context(), [][]byte{{1}, long, {2}})
	var batch *stages.BatchError
	require.ErrorAs(t, err, &batch)
	require.Len(t, batch.Errs, 1)
	require.ErrorContains(t, batch.Errs[1], "index")
}
