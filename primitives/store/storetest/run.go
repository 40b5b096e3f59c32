package storetest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-go/weir/primitives/store"
)

// An Option changes how [Run] runs the checks.
type Option func(*settings)

type settings struct {
	unit    time.Duration
	virtual bool
}

// Unit sets the shortest ttl that the store is exact to within half of; the
// default is 100 ms. The checks use ttls of a few units and wait for them to
// pass, so they take about 30 units one after the other.
func Unit(d time.Duration) Option { return func(s *settings) { s.unit = d } }

// Virtual runs every check in a bubble of testing/synctest, where waiting takes
// no time. It is for stores that use no time but that of package time, and no
// network.
func Virtual() Option { return func(s *settings) { s.virtual = true } }

// Run checks a store, each rule in a subtest of its own. The factory is called
// for each: it returns one or more handles to one new, empty store. Several
// handles stand for several processes: what is written through one is read
// through another. It may use the t of the test that calls Run to clean up.
//
// On a machine so busy that a check took noticeably longer than it waits, what
// failed may be the machine: the check begins anew, with a store of its own and
// twice the unit, up to three times.
//
// The checks of [store.Watcher] are skipped where the first handle is none. A
// check that cannot end, because the store hangs, is given up after a minute and a
// hundred units.
func Run(t *testing.T, factory func() []store.Store, opts ...Option) {
	t.Helper()
	s := settings{unit: 100 * time.Millisecond}
	for _, opt := range opts {
		opt(&s)
	}
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			if s.virtual {
				synctest.Test(t, func(t *testing.T) { c.try(t, factory(), s.unit) })
				return
			}
			c.insist(t, factory, s.unit)
		})
	}
}

// check is one rule. All are listed in checks.
type check struct {
	name string
	run  func(*trial)
}

// checks in the order of their explanation: each relies on those before it.
var checks = []check{
	{"what is not there is the zero entry", absent},
	{"what one writes another reads", create},
	{"create is refused where there is an entry", createOnce},
	{"a write needs the present revision", needRevision},
	{"revisions grow", revisionsGrow},
	{"of many writes to one revision one succeeds", race},
	{"no write is lost among many", counter},
	{"a value is any bytes", anyBytes},
	{"a value belongs to its holder", ownership},
	{"keys and folders are checked", keys},
	{"list keeps to its folder", folders},
	{"an ended context is refused", ended},
	{"a ttl is mandatory", mandatory},
	{"an entry is there until its ttl is over, and then gone", expires},
	{"a write begins the ttl anew", renewed},
	{"a revision is not used again after an entry has expired", revisionsAfterExpiry},
	{"the age of an entry grows from its last write", ages},
	{"a lease has one owner", leaseExclusive},
	{"a lease is free when released", leaseReleased},
	{"a lease is free when its term is over", leaseExpires},
	{"a lease that is renewed goes on", leaseRenewed},
	{"who has lost a lease can do nothing to it", leaseStale},
	{"a stream begins with lost and tells all writes in order", watchOrder},
	{"a stream keeps to its folder", watchFolder},
	{"a stream ends with its context and with its loop", watchEnds},
	{"a slow stream is told that it has lost something", watchSlow},
}

// reporter is the part of *testing.T that the checks use. It is an interface so
// that the suite can be run on broken stores and be seen to fail.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
	FailNow()
	Skip(args ...any)
}

func (c check) try(t reporter, nodes []store.Store, unit time.Duration) {
	tr := &trial{reporter: t, nodes: nodes, unit: unit}
	tr.run(c)
}
