package handoff_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// This file models the memory order of an edge. Each atomic operation of a sender and of a receiver
// is a step, in the order of sender.go and receiver.go. The steps have the names of the functions in
// these files. The test goes through all interleavings. Go's atomics are sequentially consistent, so
// there are no other runs.
//
// A run is wrong if one of these happens:
//   - It gets stuck, because a wake-up was lost.
//   - A token comes twice or is left over.
//   - Both goroutines have the receiver's half.
//   - The receiver waits for a visit that has ended.

// mistake is a change of the order that the test must notice.
type mistake int

const (
	none             mistake = iota
	looksBeforeSleep         // the receiver looks for items, and then stores hungry
	looksBeforeItems         // the sender loads the state, and then stores filled
	asksBeforeWant           // the sender loads done, and then stores want
	asksBeforeDone           // the receiver loads want, and then stores done
	rousesBlindly            // the sender stores busy in place of a compare-and-swap
	leavesBlindly            // a visitor stores hungry in place of a compare-and-swap
	retakesOnce              // an alarm that rings as a visit ends waits for that visit
)

type word int8

const (
	isBusy word = iota
	isHungry
	isVisited
	isOwed
)

// Where the goroutines are. The name says what they do next.
type at int8

const (
	atEnd at = iota

	sFree // looks for room
	sLookDone
	sWant // awaitRoom
	sAskDone
	sTakeBack
	sAwaitRoom
	sFill // commit
	sState
	sVisit // notify
	sRouse
	sToken
	sClose
	sStateAtClose
	sRouseAtClose
	sTokenAtClose

	vView // the sender does the receiver's work
	vDone
	vLeave
	vBusy
	vToken

	rView
	rDone // consume
	rWant
	rClearWant
	rRoom
	rClosed
	rLast
	rHungry // rest
	rLook
	rLookClosed
	rTakeBack
	rPark
	rRetake // the alarm has rung
	rOwe
	rLookBusy
	rAwait
)

// edgeModel is a state of both goroutines. It is small and comparable.
type edgeModel struct {
	filled, done, want int8
	state              word
	closed             bool
	wake, room         int8 // tokens

	s         at
	sent      int8
	seen      int8 // done, as the sender has last seen it
	sawHungry bool

	r       at
	pos     int8
	sawWant int8
	alarms  int8 // how often the alarm can still ring

	fault string
}

// explorer goes through all runs of one setting.
type explorer struct {
	items, bound, alarms int8
	visits               bool
	wrong                mistake

	seen   map[edgeModel]bool
	faults map[string]bool
}

func (x *explorer) run() {
	x.seen, x.faults = map[edgeModel]bool{}, map[string]bool{}
	todo := []edgeModel{{s: sFree, r: rView, alarms: x.alarms}}
	for len(todo) > 0 {
		m := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if x.seen[m] {
			continue
		}
		x.seen[m] = true
		if m.fault == "" {
			m.fault = x.check(m)
		}
		if m.fault != "" {
			x.faults[m.fault] = true
			continue
		}
		next := append(x.sender(m), x.receiver(m)...)
		if len(next) == 0 && (m.s != atEnd || m.r != atEnd) {
			x.faults["stuck"] = true
		}
		todo = append(todo, next...)
	}
}

// check returns what is wrong with a state.
func (x *explorer) check(m edgeModel) string {
	switch {
	case m.s >= vView && m.s <= vBusy && (m.r >= rView && m.r <= rDone || m.r >= rClosed && m.r <= rHungry):
		return "two owners"
	case m.r == rAwait && m.state == isHungry:
		return "waits for nothing"
	case m.wake > 1 || m.room > 1:
		return "token twice"
	case m.s == atEnd && m.r == atEnd && (m.wake > 0 || m.room > 0):
		return "token left"
	case m.s == atEnd && m.r == atEnd && m.pos != x.items:
		return "items left"
	}
	return ""
}

func pick(yes bool, a, b at) at {
	if yes {
		return a
	}
	return b
}

// swap is a compare-and-swap of the state.
func (m *edgeModel) swap(from, to word) bool {
	if m.state != from {
		return false
	}
	m.state = to
	return true
}

// sender returns the states that the next step of the sender can lead to, none if it cannot go on.
func (x *explorer) sender(m edgeModel) []edgeModel {
	full := func() bool { return m.sent-m.seen >= x.bound }
	switch m.s {
	case sFree:
		switch {
		case m.sent == x.items:
			m.s = sClose
		case full():
			m.s = sLookDone
		case x.wrong == looksBeforeItems:
			m.s = sState
		default:
			m.s = sFill
		}
	case sLookDone:
		m.seen = m.done
		switch {
		case !full():
			m.s = sFree
		case x.wrong == asksBeforeWant:
			m.s = sAskDone
		default:
			m.s = sWant
		}
	case sWant:
		m.want = m.sent - x.bound + 1
		m.s = pick(x.wrong == asksBeforeWant, sAwaitRoom, sAskDone)
	case sAskDone:
		want := m.sent - x.bound + 1
		switch {
		case x.wrong == asksBeforeWant:
			m.s = pick(m.done < want, sWant, sLookDone)
		default:
			m.s = pick(m.done < want, sAwaitRoom, sTakeBack)
		}
	case sTakeBack:
		if m.want == 0 {
			m.s = sAwaitRoom
			break
		}
		m.want, m.s = 0, sLookDone
	case sAwaitRoom:
		if m.room == 0 {
			return nil
		}
		m.room--
		m.s = sLookDone
	case sFill:
		m.sent++
		m.filled = m.sent
		if x.wrong != looksBeforeItems {
			m.s = sState
			break
		}
		m.s = pick(m.sawHungry, pick(x.visits, sVisit, sRouse), sFree)
	case sState:
		m.sawHungry = m.state == isHungry
		if x.wrong == looksBeforeItems {
			m.s = sFill
			break
		}
		m.s = pick(m.sawHungry, pick(x.visits, sVisit, sRouse), sFree)
	case sVisit: // or not: the receiver may be known to be slow
		slow := m
		slow.s = sRouse
		m.s = pick(m.swap(isHungry, isVisited), vView, sRouse)
		return []edgeModel{m, slow}
	case sRouse:
		if x.wrong == rousesBlindly {
			m.state, m.s = isBusy, sToken
			break
		}
		m.s = pick(m.swap(isHungry, isBusy), sToken, sFree)
	case sToken, vToken:
		m.wake++
		m.s = sFree
	case sClose:
		m.closed, m.s = true, sStateAtClose
	case sStateAtClose:
		m.s = pick(m.state == isHungry, sRouseAtClose, atEnd)
	case sRouseAtClose:
		m.s = pick(m.swap(isHungry, isBusy), sTokenAtClose, atEnd)
	case sTokenAtClose:
		m.wake++
		m.s = atEnd
	case vView: // the visitor may leave items behind
		rest := m
		rest.s = vBusy
		m.s = pick(m.filled > m.pos, vDone, vLeave)
		return []edgeModel{m, rest}
	case vDone:
		m.pos++
		m.done, m.s = m.pos, vView
	case vLeave:
		if x.wrong == leavesBlindly {
			m.state, m.s = isHungry, sFree
			break
		}
		m.s = pick(m.swap(isVisited, isHungry), sFree, vBusy)
	case vBusy:
		m.state, m.s = isBusy, vToken
	default:
		return nil
	}
	return []edgeModel{m}
}

// receiver is sender for the receiver.
func (x *explorer) receiver(m edgeModel) []edgeModel {
	switch m.r {
	case rView:
		switch {
		case m.filled == m.pos:
			m.r = rClosed
		case x.wrong == asksBeforeDone:
			m.r = rWant
		default:
			m.r = rDone
		}
	case rDone:
		m.pos++
		m.done = m.pos
		m.r = rWant
		if x.wrong == asksBeforeDone {
			m.r = pick(m.sawWant != 0 && m.pos >= m.sawWant, rClearWant, rView)
		}
	case rWant:
		m.sawWant = m.want
		m.r = pick(m.sawWant != 0 && m.pos >= m.sawWant, rClearWant, rView)
		if x.wrong == asksBeforeDone {
			m.r = rDone
		}
	case rClearWant:
		if m.want != m.sawWant {
			m.r = rView
			break
		}
		m.want, m.r = 0, rRoom
	case rRoom:
		m.room++
		m.r = rView
	case rClosed:
		m.r = pick(m.closed, rLast, pick(x.wrong == looksBeforeSleep, rLook, rHungry))
	case rLast:
		m.r = pick(m.filled > m.pos, rView, atEnd)
	case rHungry:
		m.state = isHungry
		m.r = pick(x.wrong == looksBeforeSleep, rPark, rLook)
	case rLook:
		m.r = pick(m.filled > m.pos, pick(x.wrong == looksBeforeSleep, rView, rTakeBack), rLookClosed)
	case rLookClosed:
		if x.wrong == looksBeforeSleep {
			m.r = pick(m.closed, rView, rHungry)
			break
		}
		m.r = pick(m.closed, rTakeBack, rPark)
	case rTakeBack:
		m.r = pick(m.swap(isHungry, isBusy), rView, rPark)
	case rPark:
		var next []edgeModel
		if m.alarms > 0 {
			rung := m
			rung.alarms--
			rung.r = rRetake
			next = append(next, rung)
		}
		if m.wake > 0 {
			m.wake--
			m.r = rView
			next = append(next, m)
		}
		return next
	case rRetake:
		m.r = pick(m.swap(isHungry, isBusy), rView, rOwe)
	case rOwe:
		m.r = pick(m.swap(isVisited, isOwed) || x.wrong == retakesOnce, rAwait, rLookBusy)
	case rLookBusy:
		m.r = pick(m.state == isBusy, rAwait, rRetake)
	case rAwait:
		if m.wake == 0 {
			return nil
		}
		m.wake--
		m.r = rView
	default:
		return nil
	}
	return []edgeModel{m}
}

func TestNoInterleavingLosesOrDoublesAWakeUp(t *testing.T) {
	for _, visits := range []bool{false, true} {
		for _, alarms := range []int8{0, 2} {
			for _, bound := range []int8{1, 2, 4} {
				t.Run(fmt.Sprintf("visits=%v/alarms=%d/bound=%d", visits, alarms, bound), func(t *testing.T) {
					x := explorer{items: 4, bound: bound, alarms: alarms, visits: visits}
					x.run()
					require.Empty(t, x.faults)
					require.Greater(t, len(x.seen), 100)
				})
			}
		}
	}
}

// The model finds each of the mistakes that the order is there to prevent.
func TestTheModelFindsAWrongOrder(t *testing.T) {
	for wrong, faults := range map[mistake][]string{
		looksBeforeSleep: {"stuck"},
		looksBeforeItems: {"stuck"},
		asksBeforeWant:   {"stuck"},
		asksBeforeDone:   {"stuck"},
		rousesBlindly:    {"token twice", "two owners", "token left"},
		leavesBlindly:    {"waits for nothing"},
		retakesOnce:      {"waits for nothing"},
	} {
		t.Run(fmt.Sprint(wrong), func(t *testing.T) {
			x := explorer{items: 4, bound: 1, alarms: 2, visits: true, wrong: wrong}
			x.run()
			require.NotEmpty(t, x.faults)
			found := false
			for _, f := range faults {
				found = found || x.faults[f]
			}
			require.True(t, found, "%v", x.faults)
		})
	}
}
