package stack

import (
	"context"
	"slices"
	"sync"

	"github.com/weir-go/weir/primitives/retry"
)

// tries are the values of the tries of one call that have not been dropped.
type tries[Out any] struct {
	mu   sync.Mutex // the copies of a hedge run at the same time
	made []*Out
	drop []func(Out)
}

func (t *tries[Out]) add(v *Out) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.made = append(t.made, v)
}

// dropBut drops all values but one; all of them if that is nil. A value leaves the list
// before it is dropped: whatever a function of the user does, no value is dropped twice.
func (t *tries[Out]) dropBut(kept *Out) {
	t.mu.Lock()
	lost := slices.DeleteFunc(slices.Clone(t.made), func(v *Out) bool { return v == kept })
	t.made = nil
	t.mu.Unlock()
	var drops []func()
	for _, v := range lost {
		for _, drop := range t.drop {
			drops = append(drops, func() { drop(*v) })
		}
	}
	runAll(drops)
}

// runAll runs each of fs, also if another one panics or calls runtime.Goexit.
func runAll(fs []func()) {
	if len(fs) > 0 {
		defer runAll(fs[1:])
		fs[0]()
	}
}

// dropping is the layer of a retry that drops values.
func dropping[In, Out any](r *retry.Retrier, next Func[In, Out], drop []func(Out)) Func[In, Out] {
	hedges := r.Hedges()
	return func(ctx context.Context, in In) (Out, error) {
		t := &tries[Out]{drop: drop}
		var kept *Out
		defer func() { t.dropBut(kept) }()
		v, err := r.Do(ctx, func(ctx context.Context) (*Out, error) {
			if !hedges {
				t.dropBut(nil)
			}
			v, err := next(ctx, in)
			t.add(&v)
			return &v, err
		})
		if kept = v; v == nil { // no try was made
			v = new(Out)
		}
		return *v, err
	}
}
