package dedup

import "time"

// seats holds the deadlines of the followers of a flight that have one. A follower
// knows its seat, so that it leaves at no cost, however many there are. Guarded by: the
// lock of the shard.
type seats struct {
	places []place
	vacant seat // the first of the free places, chained by their next
	taken  int
}

type place struct {
	by   time.Time // zero if the place is free
	next seat
}

// seat is the number of a place, from 1.
type seat int

const noSeat seat = 0

// patience is how long the followers of a flight wait.
type patience uint8

const (
	none    patience = iota // there are no followers
	bounded                 // each has a deadline
	endless                 // one of them has none
)

func (s *seats) take(by time.Time) seat {
	s.taken++
	at := s.vacant
	if at == noSeat {
		s.places = append(s.places, place{by: by})
		return seat(len(s.places))
	}
	s.vacant = s.places[at-1].next
	s.places[at-1] = place{by: by}
	return at
}

func (s *seats) free(at seat) {
	if at == noSeat {
		return
	}
	s.taken--
	s.places[at-1] = place{next: s.vacant}
	s.vacant = at
}

// latest looks at all places.
func (s *seats) latest() (by time.Time) {
	for i := range s.places {
		if p := &s.places[i]; p.by.After(by) {
			by = p.by
		}
	}
	return by
}
