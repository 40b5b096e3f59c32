package dedup

import "fmt"

// Invariants returns what is wrong with the books of d, for tests that have let it go
// through anything.
func (d *Dedup[K, V]) Invariants() error {
	for i := range d.shards {
		if err := d.shards[i].invariants(); err != nil {
			return err
		}
	}
	return nil
}

func (s *shard[K, V]) invariants() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept, weighs := 0, int64(0)
	for i := s.table.entries[0].next; i != 0; i = s.table.entries[i].next {
		e := &s.table.entries[i]
		if e.expires == 0 {
			return fmt.Errorf("entry %d in the ring has no result", i)
		}
		if e.flight != 0 && s.flights[e.flight].entry != i {
			return fmt.Errorf("flight %d of entry %d has entry %d", e.flight, i, s.flights[e.flight].entry)
		}
		if kept++; s.facts != nil {
			weighs += s.facts[i].weight
		}
	}
	free, flying, noted, flightOnly := 1, 0, 0, 0 // flight 0 is not used
	for n := s.freeFlight; n != 0; n = s.flights[n].next {
		if free++; free > len(s.flights) {
			return fmt.Errorf("the free flights are a ring")
		}
	}
	for n := range s.flights {
		f := &s.flights[n]
		e := &s.table.entries[f.entry]
		switch {
		case f.gen != 0:
			flying++
		case f.err != nil:
			noted++
		}
		if f.entry != 0 && int(e.flight) != n {
			return fmt.Errorf("entry %d of flight %d has flight %d", f.entry, n, e.flight)
		}
		if f.entry != 0 && e.expires == 0 {
			flightOnly++
		}
	}
	spared := 0
	for _, followers := range s.spare {
		spared += cap(followers)
	}
	for _, c := range []struct {
		what      string
		got, want int
	}{
		{"kept", s.kept, kept}, {"weight", int(s.weighs), int(weighs)}, {"flying", s.flying, flying}, {"noted", s.noted, noted},
		{"flights", len(s.flights), free + flying + noted}, {"entries", s.table.used, kept + flightOnly}, {"spared", s.spared, spared},
	} {
		if c.got != c.want {
			return fmt.Errorf("%s: %d, and counted %d", c.what, c.got, c.want)
		}
	}
	if s.spared > mostSpared {
		return fmt.Errorf("room for %d followers is kept", s.spared)
	}
	return nil
}
