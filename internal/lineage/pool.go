package lineage

import "sync"

// Pool keeps the idle slabs of a run.
type Pool struct {
	linked bool     // items made of several items keep the contexts of those
	names  []string // of the nodes of the run

	mu   sync.Mutex
	idle []*Slab
}

func (p *Pool) get() (s *Slab) {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		s, p.idle = p.idle[n-1], p.idle[:n-1]
	}
	p.mu.Unlock()
	if s == nil {
		s = &Slab{pool: p}
		for i := range s.trails {
			s.trails[i] = Trail{s, uint8(i)}
		}
	}
	s.live.Store(SlabSize)
	return s
}

func (p *Pool) put(s *Slab) {
	p.mu.Lock()
	p.idle = append(p.idle, s)
	p.mu.Unlock()
}

// KeepContexts makes items keep the contexts of the items that they were made of.
func (p *Pool) KeepContexts() { p.linked = true }

// AddNode adds the name of the next node.
func (p *Pool) AddNode(name string) { p.names = append(p.names, name) }
