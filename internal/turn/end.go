package turn

import (
	"fmt"

	"github.com/weir-go/weir/internal/delay"
	"github.com/weir-go/weir/internal/fault"
	"github.com/weir-go/weir/internal/kernel"
)

// shut ends the layers. Notes that come later are void.
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

// closeLayers goes on with the next layer if user code ends the goroutine.
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

// heed looks whether the run was aborted. Each item that goes on passes here: a layer that gets
// what a call has made of the end of its context knows of the abort by then.
func (s *Section) heed() {
	if s.over == nil && s.node.Run().Aborted() {
		s.end()
	}
}

// end takes back what the layers hold, because the run was aborted.
func (s *Section) end() {
	s.over = s.node.Run().AbortError()
	s.dequeue(s.over, func(*visit) bool { return true })
	s.takeBack(s.ports)
}

// takeBack takes back what layers hold. It goes on with the next layer if user code ends the
// goroutine.
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

// putOut ends a layer that has panicked, and the run with it: what the layer holds fails, and
// so does what comes.
func (s *Section) putOut(p *Port, cause error) {
	p.broken = fmt.Errorf("stage %q: layer: %w", s.node.Name, cause)
	s.node.Run().Fail(p.broken)
	if cause == fault.ErrGoexit { //nolint:errorlint // our own value, as it is
		s.node.Exited(cause)
	}
	for _, f := range s.flights {
		p.Reject(f, f.kept[p.index]|f.fresh, p.broken)
	}
	if r, ok := p.handler.(Releaser); ok {
		defer func() { _ = recover() }() // it has broken already
		r.Release()
	}
}
