package store_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/store"
)

// A stream that is far behind loses everything it has not read yet, and is told
// so before whatever comes next.
func TestSlowStreamLosesAndIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		write := func(n int) {
			for i := range n {
				_, err := m.CompareAndSet(t.Context(), store.Key("k", fmt.Sprint(m.Len(), i)), 0, nil, time.Hour)
				require.NoError(t, err)
			}
		}
		var seen []bool // Lost or not
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for e, err := range m.Watch(ctx, "") {
				if err != nil {
					panic(err)
				}
				seen = append(seen, e.Lost)
				time.Sleep(time.Second)
			}
		}()
		synctest.Wait()
		write(300) // while the reader sleeps on the first Lost
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, []bool{true, true}, seen[:2])
		require.Len(t, seen, 2+300-257, "what came after the overflow is told")
		cancel()
		synctest.Wait()
		write(1)
		require.Len(t, seen, 2+300-257)
	})
}

// The age of an event goes on while it waits for its reader.
func TestEventAgesInTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		ages := []time.Duration{}
		for e, err := range m.Watch(t.Context(), "") {
			require.NoError(t, err)
			if e.Lost {
				_, err := m.CompareAndSet(t.Context(), "k", 0, nil, time.Hour)
				require.NoError(t, err)
				time.Sleep(time.Minute)
				continue
			}
			ages = append(ages, e.Entry.Age)
			break
		}
		require.Equal(t, []time.Duration{time.Minute}, ages)
	})
}

// Streams that are not read any more cost the writers nothing.
func TestStreamThatWasLeftIsForgotten(t *testing.T) {
	m := store.NewMemory()
	for range 100 {
		for range m.Watch(t.Context(), "") {
			break
		}
	}
	require.Zero(t, m.Watches())
}

// A stream whose context ends in the loop tells nothing more, though more has come in.
func TestWatchEndsBetweenTwoEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		told := 0
		for range m.Watch(ctx, "") {
			if told++; told == 1 { // Lost: the stream stands
				for i := range 3 {
					_, err := m.CompareAndSet(t.Context(), store.Key("k", strconv.Itoa(i)), 0, nil, time.Minute)
					require.NoError(t, err)
				}
				continue
			}
			cancel()
		}
		require.Equal(t, 2, told)
	})
}
