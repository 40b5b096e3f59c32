package guard

// slots is the table that makes a release idempotent: a permit names its slot
// and the ticket it got, and releases only while the slot still holds that
// ticket. Tickets are numbered from 1 over the life of the guard, and 64 bits
// do not run out. A generation of 32 bits per slot would save a word of the
// permit, but the slot on top of the free list wraps it in minutes.
//
// The table grows to the greatest depth seen, so that a capacity of a billion
// costs nothing until it is used. It never shrinks; a permit's slot stays a
// valid index for good.
type slots struct {
	all  []slot
	free int // index + 1 of the top of the free list, 0 when it is empty
}

type slot struct {
	ticket uint64 // 0 while nobody holds a permit for the slot
	next   int    // the free list
}

// take returns a slot that holds the ticket: the one freed last, whose memory
// is the likeliest to be at hand.
func (s *slots) take(ticket uint64) int {
	if s.free == 0 {
		s.all = append(s.all, slot{ticket: ticket})
		return len(s.all) - 1
	}
	i := s.free - 1
	s.free = s.all[i].next
	s.all[i].ticket = ticket
	return i
}

// holds reports whether the slot still holds the ticket.
func (s *slots) holds(i int, ticket uint64) bool { return s.all[i].ticket == ticket }

// reserve takes the ticket out of a slot and keeps the slot in use.
func (s *slots) reserve(i int) { s.all[i].ticket = 0 }

// assign puts a ticket into a reserved slot.
func (s *slots) assign(i int, ticket uint64) { s.all[i].ticket = ticket }

// put makes the slot free.
func (s *slots) put(i int) {
	s.all[i] = slot{next: s.free}
	s.free = i + 1
}
