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
	s.closeLayers(s.ports)
}

// closeLayers closes the layers, also if user code ends the goroutine meanwhile.
func (s *Section) closeLayers(ports []*Port) {
	defer func() {
		if len(ports) > 0 {
			s.closeLayers(ports[1:])
		}
	}()
	for ; len(ports) > 0; ports = ports[1:] {
		p := ports[0]
		if c, ok := p.handler.(Closer); ok && p.broken == nil {
			s.call(p, c.Close)
		}
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
	s.takeBack(s.ports)
}

// takeBack takes all items out of layers, also if user code ends the goroutine meanwhile.
func (s *Section) takeBack(ports []*Port) {
	defer func() {
		if len(ports) > 0 {
			s.takeBack(ports[1:])
		}
	}()
	for ; len(ports) > 0; ports = ports[1:] {
		p := ports[0]
		p.Held(func(f *Flight, held kernel.Mask) {
			for m := held; m != 0 && p.leaver != nil; m &= m - 1 {
				s.leaves(p, f, m.First(), s.over)
			}
			p.Reject(f, held&f.kept[p.index], s.over)
		})
	}
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
