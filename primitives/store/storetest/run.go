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
	wipe    func() // if nil, the checks that need it are skipped
}

// Unit sets the shortest ttl that the store keeps to within half of it; the default is
// 100 ms. The checks use ttls of a few units and wait until they are over. One after the
// other they take about 30 units, and about 6 more with [Wiped].
func Unit(d time.Duration) Option { return func(s *settings) { s.unit = d } }

// Virtual runs every check in a bubble of testing/synctest, in which waiting takes no
// time. It is for stores that take the time from package time only and use no network.
func Virtual() Option { return func(s *settings) { s.virtual = true } }

// Run checks a store, each rule in a subtest of its own. It calls the factory for each:
// the factory returns one or more handles to one new, empty store. Several handles stand
// for several processes: what is written through one is read through another. The
// factory may use the t of the test that calls Run to clean up.
//
// On a busy machine a check can fail because it took much longer than it waits. Such a
// check begins again, with a new store and twice the unit, up to three times.
//
// The checks of [store.Watcher] are skipped if the first handle is none. A check that
// cannot end, because the store hangs, is given up after a minute and 100 units.
func Run(t *testing.T, factory func() []store.Store, opts ...Option) {
	t.Helper()
	s := settings{unit: 100 * time.Millisecond}
	for _, opt := range opts {
		opt(&s)
	}
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			if s.virtual {
				synctest.Test(t, func(t *testing.T) { c.try(t, factory(), s) })
				return
			}
			c.insist(t, factory, s)
		})
	}
}

// check is one rule. checks lists all of them.
type check struct {
	name string
	run  func(*trial)
}

// checks are in an order in which each relies on the checks before it.
var checks = []check{
	{"what is not there is the zero entry", absent},
	{"what one writes another reads", create},
	{"create is refused if there is an entry", createOnce},
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
	{"a lease that was lost cannot be changed by its old owner", leaseStale},
	{"a stream begins with lost and tells all writes in order", watchOrder},
	{"a stream keeps to its folder", watchFolder},
	{"a stream ends with its context and with its loop", watchEnds},
	{"a slow stream is told that it has lost something", watchSlow},
	{"a revision is not used again after the store was wiped", revisionsAfterWipe},
	{"a lease is lost when the store is wiped", leaseAfterWipe},
	{"a stream of a store that was wiped goes on, or says that it does not", watchAfterWipe},
}

// reporter is the part of *testing.T that the checks use. It is an interface, so that a
// test can run the suite on broken stores and see it fail.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
	FailNow()
	Skip(args ...any)
}

func (c check) try(t reporter, nodes []store.Store, s settings) {
	tr := &trial{reporter: t, nodes: nodes, unit: s.unit, wipe: s.wipe}
	tr.run(c)
}
