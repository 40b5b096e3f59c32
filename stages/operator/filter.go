package operator

import (
	"context"

	"github.com/weir-go/weir/stages"
)

// Filter sends on the items for which keep returns true, in order. The others are counted
// as filtered.
//
//	in:   --1--2--3--4-->
//	keep:   odd
//	out:  --1-----3----->
func Filter[T any](keep func(context.Context, T) (bool, error), opts ...stages.MapOption) stages.Stage[T, T] {
	if keep == nil {
		return Map[T, T](nil, opts...)
	}
	return Map(func(ctx context.Context, v T) (T, error) {
		ok, err := keep(ctx, v)
		if err == nil && !ok {
			err = stages.ErrDrop
		}
		return v, err
	}, opts...)
}
