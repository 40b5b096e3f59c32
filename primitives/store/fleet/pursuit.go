package fleet

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"github.com/weir-go/weir/primitives/store"
)

// pursuit is the search of one caller for a result. It ends when the caller has found one,
// or has claimed the work for itself.
type pursuit struct {
	client *client
	policy *policy
	ttl    time.Duration
	folder string // of the key; it holds one entry, so that it can be watched

	waited string // nonce of the claim for which the caller waited
	reject string // nonce of the result that could not be read
	unread uint64 // entries that could not be read
}

// finding is the result that was found, and how old it is.
type finding struct {
	work
	age time.Duration
}

func (p *pursuit) key() string { return p.folder + "work" }

// settle returns a result or a claim, or an error: ErrStore joined with the reason,
// ErrBusy, or when ctx ends the error of ctx.
func (p *pursuit) settle(ctx context.Context) (finding, *claim, error) {
	if p.client.down() {
		return finding{}, nil, ErrStore
	}
	limit := after(p.client.now(), p.policy.wait)
	var wake <-chan struct{}
	for conflicts := 0; ; {
		found, mine, wait, err := p.look(ctx)
		switch {
		case errors.Is(err, store.ErrConflict):
			// Another node has made progress. If the reads do not show that, they are stale, and to
			// ask again at once would be a hot loop.
			if conflicts++; conflicts < 4 {
				continue
			}
			wait = p.policy.every
		case err != nil:
			return finding{}, nil, errors.Join(ErrStore, err)
		default:
			p.client.mend() // a claim of another node is also an answer
		}
		if wait == 0 {
			return found, mine, nil
		}
		left := limit - p.client.now()
		if left <= 0 {
			return finding{}, nil, ErrBusy
		}
		if wake == nil {
			ring, stop := p.listen(ctx)
			defer stop()
			wake = ring
		}
		if err := pause(ctx, min(wait, p.policy.every, left), wake); err != nil {
			return finding{}, nil, err
		}
	}
}

// pause waits for d, or for a wake, or returns the error of ctx when it ends.
func pause(ctx context.Context, d time.Duration, wake <-chan struct{}) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-wake:
	case <-timer.C:
	}
	return ctx.Err()
}

// look asks the store once, and claims the work if it is free. It returns the result, or
// the claim, or how long the claim of another node lasts.
func (p *pursuit) look(ctx context.Context) (found finding, mine *claim, wait time.Duration, err error) {
	var e store.Entry
	err = p.client.call(ctx, func(ctx context.Context) (err error) {
		e, err = p.client.store.Load(ctx, p.key())
		return err
	})
	if err != nil {
		return found, nil, 0, err
	}
	w, there := p.read(e)
	switch {
	case there && w.State == claimed && e.Age < w.Term:
		p.waited = w.Nonce
		return found, nil, w.Term - e.Age, nil
	case there && w.State == done && w.Nonce != p.reject && (e.Age < p.ttl || w.Nonce == p.waited):
		return finding{w, e.Age}, nil, 0, nil
	case !there && e.Revision != 0 && p.policy.strict:
		// It may be a claim. Its ttl ends it.
		return found, nil, p.policy.every, nil
	}
	mine, err = p.claim(ctx, e.Revision)
	return found, mine, 0, err
}

// read reports whether there is an entry that can be read.
func (p *pursuit) read(e store.Entry) (w work, there bool) {
	if e.Revision == 0 {
		return w, false
	}
	if unseal(e.Value, &w) != nil {
		p.unread++
		return work{}, false
	}
	return w, true
}

func (p *pursuit) claim(ctx context.Context, revision uint64) (*claim, error) {
	c := &claim{client: p.client, key: p.key(), revision: revision, work: work{
		versioned: versioned{wireVersion}, State: claimed,
		Node: p.policy.node, Nonce: rand.Text(), Term: p.policy.claim,
	}}
	if err := c.write(ctx, c.work, c.work.Term); err != nil {
		return nil, err
	}
	return c, nil
}

// listen wakes the pursuit at each write to its key, if the store is a Watcher, until stop
// is called. If the stream ends, the questions at intervals replace it.
func (p *pursuit) listen(ctx context.Context) (wake <-chan struct{}, stop func()) {
	ring := make(chan struct{}, 1)
	w, ok := p.client.store.(store.Watcher)
	if !ok {
		return ring, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var listening sync.WaitGroup
	listening.Go(func() {
		for _, err := range w.Watch(ctx, p.folder) {
			if err != nil {
				return
			}
			select {
			case ring <- struct{}{}:
			default:
			}
		}
	})
	return ring, func() {
		cancel()
		listening.Wait()
	}
}
