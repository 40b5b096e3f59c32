package ack

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
)

// queue notes what is acknowledged.
type queue struct {
	takes time.Duration
	start time.Time

	mu   sync.Mutex
	sent [][]int
	at   []time.Duration
	errs []error // of the next calls
}

func (q *queue) send(ctx context.Context, ids []int) error {
	q.mu.Lock()
	q.at = append(q.at, time.Since(q.start))
	q.mu.Unlock()
	if q.takes > 0 {
		select {
		case <-time.After(q.takes):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.errs) > 0 {
		err := q.errs[0]
		q.errs = q.errs[1:]
		if err != nil {
			return err
		}
	}
	q.sent = append(q.sent, ids)
	return nil
}

func (q *queue) got() ([][]int, []time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.sent, q.at
}

// done says that deliveries are done.
func done(b *Batch[int], ids ...int) {
	for _, id := range ids {
		b.Ack(id)(nil)
	}
}

// Deliveries are acknowledged together when there are enough, and at the latest after
// the delay.
func TestABatchIsSentWhenItIsFullOrOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue{start: time.Now()}
		b := &Batch[int]{Size: 3, Delay: time.Minute, Send: q.send}
		done(b, 1, 2)
		time.Sleep(10 * time.Second)
		done(b, 3, 4)
		time.Sleep(2 * time.Minute)
		done(b, 5, 6, 7, 8, 9, 10, 11)
		synctest.Wait()
		require.Equal(t, BatchSnapshot{Waiting: 1, Sent: 10}, b.Snapshot())
		require.NoError(t, b.Close(t.Context()))
		sent, at := q.got()
		require.Equal(t, [][]int{{1, 2, 3}, {4}, {5, 6, 7}, {8, 9, 10}, {11}}, sent)
		s := time.Second
		require.Equal(t, []time.Duration{10 * s, 70 * s, 130 * s, 130 * s, 130 * s}, at)
		require.Equal(t, BatchSnapshot{Sent: 11}, b.Snapshot())
	})
}

// Without a delay a slow Send makes the batches.
func TestABatchWithoutDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue{start: time.Now(), takes: time.Second}
		b := &Batch[int]{Send: q.send}
		done(b, 1)
		synctest.Wait()
		done(b, 2, 3)
		require.Equal(t, q.start, time.Now(), "nothing waits for Send")
		require.Equal(t, BatchSnapshot{Waiting: 3}, b.Snapshot())
		require.NoError(t, b.Flush(t.Context()))
		require.Equal(t, 2*time.Second, time.Since(q.start))
		sent, _ := q.got()
		require.Equal(t, [][]int{{1}, {2, 3}}, sent)
		done(b, 4)
		synctest.Wait()
		for id := range DefaultSize + 1 {
			done(b, id)
		}
		require.NoError(t, b.Close(t.Context()))
		sent, _ = q.got()
		require.Len(t, sent[3], DefaultSize)
		require.Len(t, sent[4], 1)
	})
}

// A delivery that failed is not acknowledged.
func TestAFailedDeliveryIsNotAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q queue
		nacked := map[int]error{}
		b := &Batch[int]{Send: q.send, Nack: func(id int, err error) { nacked[id] = err }}
		ack := b.Ack(1)
		ack(errGone)
		ack(nil) // only the first call counts
		ack = b.Ack(2)
		ack(nil)
		ack(errGone)
		ack(nil)
		require.NoError(t, b.Close(t.Context()))
		require.Equal(t, map[int]error{1: errGone}, nacked)
		require.Equal(t, [][]int{{2}}, q.sent)

		b = &Batch[int]{Send: q.send}
		b.Ack(3)(errGone)
		require.NoError(t, b.Close(t.Context()))
		require.Equal(t, [][]int{{2}}, q.sent)
	})
}

func TestASendIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		retrier, err := retry.New(retry.Constant(3, time.Second, retry.Jitter(retry.NoJitter)))
		require.NoError(t, err)
		q := queue{start: time.Now(), errs: []error{errFlaky, errFlaky, nil, errFlaky, errFlaky, errGone}}
		b := &Batch[int]{Size: 2, Send: q.send, Retry: retrier}
		done(b, 1, 2)
		require.NoError(t, b.Flush(t.Context()))
		require.Equal(t, 2*time.Second, time.Since(q.start))
		require.Equal(t, [][]int{{1, 2}}, q.sent)
		done(b, 3, 4, 5)
		require.ErrorIs(t, b.Flush(t.Context()), errGone)
		require.Equal(t, [][]int{{1, 2}, {5}}, q.sent, "and the rest goes on")
		s := b.Snapshot()
		require.ErrorIs(t, s.Err, errGone)
		require.Equal(t, BatchSnapshot{Sent: 3, Failed: 2, Err: s.Err}, s)
		require.ErrorContains(t, b.Close(t.Context()), "ack: 2 deliveries are not acknowledged: ")
	})
}

// A Send that panics or exits costs its batch, and the next one is sent.
func TestASendThatBreaks(t *testing.T) {
	for name, tt := range map[string]struct {
		breaks func()
		want   error
	}{
		"panic": {func() { panic(errFlaky) }, errFlaky},
		"exit":  {runtime.Goexit, stages.ErrGoexit},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var q queue
				b := &Batch[int]{Size: 1}
				b.Send = func(ctx context.Context, ids []int) error {
					if ids[0] == 1 {
						time.Sleep(time.Second) // Flush waits by then
						tt.breaks()
					}
					return q.send(ctx, ids)
				}
				done(b, 1, 2)
				require.ErrorIs(t, b.Flush(t.Context()), tt.want)
				require.Equal(t, [][]int{{2}}, q.sent)
				err := b.Close(t.Context())
				require.ErrorIs(t, err, tt.want)
				require.ErrorContains(t, err, "1 delivery is not acknowledged")
			})
		})
	}
}

func TestABatchThatCannotBeSentInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue{start: time.Now(), takes: time.Hour}
		b := &Batch[int]{Size: 2, Send: q.send}
		done(b, 1, 2, 3)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := b.Close(ctx)
		require.Equal(t, time.Minute, time.Since(q.start))
		require.ErrorContains(t, err, "ack: 3 deliveries are not acknowledged")
		require.Nil(t, b.rounds.ended)
		done(b, 4) // too late
		require.Equal(t, int64(4), b.Snapshot().Failed)
		require.Zero(t, b.Snapshot().Waiting)
		require.Empty(t, q.sent)
	})
}

func TestABatchSaysWhatIsWrongWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &Batch[int]{Size: -1, Delay: -1}
		done(b, 1)
		err := b.Close(t.Context())
		require.ErrorContains(t, err, "Send is nil")
		require.ErrorContains(t, err, "Size is negative")
		require.ErrorContains(t, err, "Delay is negative")
	})
}
