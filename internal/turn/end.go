package turn

import (
	"fmt"

	"github.com/weir-go/weir/internal/delay"
	"github.com/weir-go/weir/internal/fault"
	"github.com/weir-go/weir/internal/kernel"
)

// shut ends the layers. Later notes are ignored.
func (s *Section) shut() {
	defer func() { // also if user code ends the goroutine
		s.closed, s.clock = true, delay.Queue[alarm]{}
		s.room <- struct{}{}
	}()
	if s.timer != nil {
		s.timer.Stop()
	}
	each(s.ports, func(p *Port) {
		if c, ok := p.handler.(Closer); ok && p.broken == nil {
			s.call(p, c.Close)
		}
	})
}

// each calls f for each layer, also if user code ends the goroutine meanwhile.
func each(ports []*Port, f func(*Port)) {
	defer func() {
		if len(ports) > 0 {
			each(ports[1:], f)
		}
	}()
	for ; len(ports) > 0; ports = ports[1:] {
		f(ports[0])
	}
}

// heed checks whether the run was aborted. It is called for each item that moves. So when a layer
// gets the error of a call whose context has ended, it knows of the abort already.
func (s *Section) heed() {
	if s.over == nil && s.node.Run().Aborted() {
		s.end()
	}
}

// end takes all items out of the layers, because the run was aborted.
func (s *Section) end() {
	s.over = s.node.Run().AbortError()
	s.dequeue(s.over, func(*visit) bool { return true })
	each(s.ports, func(p *Port) {
		p.Held(func(f *Flight, held kernel.Mask) {
			for m := held; m != 0 && p.leaver != nil; m &= m - 1 {
				s.leaves(p, f, m.First(), s.over)
			}
			p.Reject(f, held&f.kept[p.index], s.over)
		})
	})
}

// putOut disables a layer that has panicked, and fails the run. The items in the layer fail, and so
// do all later requests to it.
func (s *Section) putOut(p *Port, cause error) {
	p.broken = fmt.Errorf("stage %q: layer: %w", s.node.Name, cause)
	s.node.Run().Fail(p.broken)
	if cause == fault.ErrGoexit { //nolint:errorlint // our own value, as it is
		s.node.Exited(cause)
		s.heed() // items that waited go back
	}
	for _, f := range s.flights {
		p.Reject(f, f.kept[p.index]|f.fresh, p.broken)
	}
	if r, ok := p.handler.(Releaser); ok {
		defer func() { _ = recover() }() // the layer has failed already, so a further panic adds nothing
		r.Release()
	}
}
