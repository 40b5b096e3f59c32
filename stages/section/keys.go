package section

import (
	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/turn"
)

// keysOf is the typed loop of a deduplicator. It writes the keys of the items from from up to to.
// It counts them in done, which tells the caller the item for which key has panicked. It ends early
// if the run was aborted.
type keysOf[K comparable] func(run *kernel.Run, b *handoff.Batch, from, to int, keys []K, done *int)

// ask asks for the keys of items. An item without a key goes up: key has panicked, or was not
// called because the run was aborted.
func (h *dedupHandler[K]) ask(f *turn.Flight, items kernel.Mask) (n int) {
	for items != 0 {
		from, to := items.Run()
		got, err := h.find(f, from, to, h.keys[n:])
		for i := range got {
			h.places[n+i] = uint8(from + i)
		}
		n += got
		if err != nil {
			h.port.Reject(f, kernel.One(from+got), err)
			got++
		}
		items = items.Without(from, from+got)
	}
	return n
}

// find writes the keys of adjacent items to keys, and returns their number. err is why the item behind
// them has no key, nil if there is none or it was not asked for.
func (h *dedupHandler[K]) find(f *turn.Flight, from, to int, keys []K) (got int, err error) {
	run := h.port.Run()
	if run.Detached() {
		return h.findOne(f, from, keys)
	}
	h.got = 0
	err = h.port.Node().Protect(func() error {
		h.keysOf(run, f.In, from, to, keys, &h.got)
		return nil
	})
	if err == nil && from+h.got < to {
		err = run.AbortError()
	}
	return h.got, err
}

// findOne is find for one item, in a run that can leave the call of key behind. So the call has memory
// of its own.
func (h *dedupHandler[K]) findOne(f *turn.Flight, from int, keys []K) (got int, err error) {
	run, own, asked := h.port.Run(), make([]K, 1), 0
	err = h.port.Ask(f, from, func(b *handoff.Batch, i int) { h.keysOf(run, b, i, i+1, own, &asked) })
	switch {
	case err != nil:
		return 0, err
	case asked == 0: // the run was aborted meanwhile
		return 0, run.AbortError()
	}
	keys[0] = own[0]
	return 1, nil
}
