package weir

import (
	"context"

	"github.com/weir-go/weir/bench/internal/work"
	"github.com/weir-go/weir/flow"
)

// Serve starts a service, and returns what asks it and what ends it.
func Serve(build Build) (ask work.Step, stop func(), err error) { return serve(build) }

// ServeUntimed does the same without timings.
func ServeUntimed(build Build) (ask work.Step, stop func(), err error) {
	return serve(build, flow.Untimed())
}

func serve(build Build, opts ...flow.RunOption) (ask work.Step, stop func(), err error) {
	s, err := flow.Serve(context.Background(), build, opts...)
	if err != nil {
		return nil, nil, err
	}
	ask = func(ctx context.Context, v int) (int, error) {
		r := s.Do(ctx, v)
		return r.Value, r.Err
	}
	return ask, func() {
		s.Stop()
		_, _ = s.Wait() // a stopped service ends well
	}, nil
}
