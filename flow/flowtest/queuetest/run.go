package queuetest

import (
	"testing"
	"time"
)

// Run plays all cases on a connector, each in a subtest of its own with a queue of its own.
func Run[M any](t *testing.T, b Broker[M]) {
	t.Helper()
	b = b.withDefaults()
	t.Run("alone", func(t *testing.T) {
		for _, c := range cases[M]() {
			if !c.beside {
				t.Run(c.name, func(t *testing.T) { c.try(t, b) })
			}
		}
	})
	t.Run("beside each other", func(t *testing.T) {
		for _, c := range cases[M]() {
			if c.beside {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.try(t, b)
				})
			}
		}
	})
}

// testCase is one promise. cases lists all of them.
type testCase[M any] struct {
	name string
	// beside: the case mostly waits, so it can run beside others.
	beside bool
	run    func(*trial[M])
}

func cases[M any]() []testCase[M] {
	return []testCase[M]{
		{"no goroutine is left", false, noGoroutineLeft[M]},
		{"messages come as they were put", true, comeAsPut[M]},
		{"a message is settled after the sink has it", true, settledAfterTheSink[M]},
		{"a message that was handed back comes again at once", true, handedBack[M]},
		{"a message that was handed back for a time comes again after it", true, handedBackLater[M]},
		{"a poison message is dead-lettered at the last delivery", true, poison[M]},
		{"one bad message of a batch comes again alone", true, badInBatch[M]},
		{"a message of 10 MB", true, large[M]},
		{"messages of a key stay in order", true, inOrder[M]},
		{"a slow message stays with its member for five terms", true, slow[M]},
		{"an aborted run gives back what it holds", true, aborted[M]},
		{"an idle source stops soon", true, idle[M]},
		{"acknowledgements that fail", true, failedAcks[M]},
		{"what was published is there", true, published[M]},
		{"a message is settled after it was published", true, forwarded[M]},
		{"members join and leave under load", false, members[M]},
		{"the broker restarts under load", false, restarted[M]},
		{"workers end at SIGTERM under load", false, terminated[M]},
		{"workers are killed under load", false, killed[M]},
	}
}

func (c testCase[M]) try(t testing.TB, b Broker[M]) {
	tr := &trial[M]{TB: t, b: b, journal: newJournal()}
	defer tr.end()
	c.run(tr)
}

func (b Broker[M]) withDefaults() Broker[M] {
	if b.Patience == 0 {
		b.Patience = 2 * time.Minute
	}
	if b.Term == 0 {
		b.Term = time.Second
	}
	return b
}
