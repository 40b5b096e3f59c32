package pgio_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/stages/pgio"
)

// Each worker may run the schema when it starts.
func TestTheSchemaRunsInManyProcessesAtTheSameTime(t *testing.T) {
	pool := connect(t)
	for i := range 5 {
		config := pool.Config().Copy()
		config.ConnConfig.RuntimeParams["search_path"] = fmt.Sprint("made", i)
		_, err := pool.Exec(t.Context(), fmt.Sprintf("drop schema if exists made%d cascade; create schema made%d", i, i))
		require.NoError(t, err)
		other, err := pgxpool.NewWithConfig(t.Context(), config)
		require.NoError(t, err)
		t.Cleanup(other.Close)
		var workers sync.WaitGroup
		for range 4 {
			workers.Go(func() {
				_, err := other.Exec(t.Context(), pgio.Schema)
				assert.NoError(t, err)
			})
		}
		workers.Wait()
	}
}

// A worker that starts runs the schema, and waits for no transaction of another process.
func TestTheSchemaWaitsForNoTransactionIfNothingIsMissing(t *testing.T) {
	pool := connect(t)
	q := pgio.NewQueue(pool, t.Name())
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(context.Background())
	require.NoError(t, q.Put(t.Context(), tx, pgio.Message{ID: "a"}))
	_, err = tx.Exec(t.Context(), "select count(*) from weir_dead")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err = pool.Exec(ctx, pgio.Schema)
	require.NoError(t, err)
}
