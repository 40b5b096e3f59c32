package peers

import (
	"context"
	"time"

	"github.com/samber/ro"

	"github.com/weir-go/weir/bench/internal/work"
)

// RoRow is some stages in a row.
func RoRow(n, stages int, f work.Step) (h work.Haul) {
	s := roSource(n)
	for range stages {
		s = ro.MapErrWithContext(func(ctx context.Context, v int) (int, context.Context, error) {
			v, err := f(ctx, v)
			return v, ctx, err
		})(s)
	}
	s.Subscribe(ro.OnNext(h.Add)).Wait()
	return h
}

// roSource is ro's own Range, for ints.
func roSource(n int) ro.Observable[int] {
	return ro.NewUnsafeObservableWithContext(func(ctx context.Context, to ro.Observer[int]) ro.Teardown {
		for v := range work.Naturals(n) {
			to.NextWithContext(ctx, v)
		}
		to.CompleteWithContext(ctx)
		return nil
	})
}

// RoBatch puts items into slices.
func RoBatch(n, size int, delay time.Duration) (h work.Haul) {
	s := ro.BufferWithTimeOrCount[int](size, delay)(roSource(n))
	s.Subscribe(ro.OnNext(func(vs []int) {
		if len(vs) > 0 { // one that is empty comes at the end
			h.AddAll(vs)
		}
	})).Wait()
	return h
}

// RoJourney is some stages in a row.
func RoJourney(n, stages int) (j work.Journeys) {
	s := ro.NewUnsafeObservable(func(to ro.Observer[time.Time]) ro.Teardown {
		for t := range work.Departures(n) {
			to.Next(t)
		}
		to.Complete()
		return nil
	})
	for range stages {
		s = ro.MapErr(func(t time.Time) (time.Time, error) { return t, nil })(s)
	}
	s.Subscribe(ro.OnNext(j.Arrive)).Wait()
	return j
}
