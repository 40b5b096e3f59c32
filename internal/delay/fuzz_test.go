package delay_test

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/internal/delay"
)

// waiting is a value of the model: a list in the order of the pushes.
type waiting struct {
	at int64
	id int
}

// earliest returns the index of what is due first; the first pushed of several.
func earliest(model []waiting) int {
	first := 0
	for i, w := range model {
		if w.at < model[first].at {
			first = i
		}
	}
	return first
}

// FuzzQueue runs pushes and pops with any times against the model. Each step is
// nine bytes: what to do, and a time, of which a shift makes small differences as
// likely as large ones.
func FuzzQueue(f *testing.F) {
	f.Add([]byte("\x00aaaaaaaa\x40bbbbbbbb\x41cccccccc\x81dddddddd\xc0eeeeeeee\x01ffffffff\xff\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Add([]byte{20, 0, 0, 0, 0, 0, 0, 255, 1, 60, 0, 0, 0, 0, 0, 0, 255, 1, 130, 0, 0, 0, 0, 0, 0, 255, 2})
	f.Fuzz(func(t *testing.T, script []byte) {
		var q delay.Queue[int]
		var model []waiting
		var now, popped int64
		for id := 0; len(script) >= 9; id++ {
			op, d := script[0], int64(binary.BigEndian.Uint64(script[1:])>>1>>(script[0]%64))
			script = script[9:]
			if op < 128 {
				at := now + d
				if at < now || op%7 == 0 {
					at = d
				}
				q.Push(at, id)
				if len(model) == 0 {
					popped = 0
				}
				model = append(model, waiting{max(at, popped), id})
			} else if now += d; now < 0 {
				return // the end of time
			}
			for range op % 4 {
				model, popped = requirePop(t, &q, model, now, popped)
			}
			require.Equal(t, len(model), q.Len())
		}
		for len(model) > 0 {
			model, popped = requirePop(t, &q, model, 1<<63-1, popped)
		}
	})
}

// requirePop pops from both.
func requirePop(t *testing.T, q *delay.Queue[int], model []waiting, now, popped int64) ([]waiting, int64) {
	next, some := q.Next()
	require.Equal(t, len(model) > 0, some)
	v, ok := q.PopDue(now)
	if !some {
		require.False(t, ok)
		return model, popped
	}
	i := earliest(model)
	require.Equal(t, model[i].at, next)
	require.Equal(t, model[i].at <= now, ok)
	if !ok {
		return model, popped
	}
	require.Equal(t, model[i].id, v)
	popped = model[i].at
	return append(model[:i], model[i+1:]...), popped
}
