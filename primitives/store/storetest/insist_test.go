package storetest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/store"
)

// insisted runs the check of that name on stores whose writes take so long, and
// returns what it found and how many stores it took.
func insisted(t *testing.T, name string, takes time.Duration, spoil func(*broken)) (faults []string, stores int) {
	found := false
	for _, c := range checks {
		if c.name != name {
			continue
		}
		found = true
		synctest.Test(t, func(*testing.T) {
			notes := &notebook{}
			done := make(chan struct{})
			go func() {
				defer close(done)
				c.insist(notes, func() []store.Store {
					stores++
					b := &broken{Memory: store.NewMemory()}
					spoil(b)
					f := NewFaulty(b)
					f.Script(func(call Call) Fault {
						if call.Op == CompareAndSet {
							return Fault{Delay: takes}
						}
						return Fault{}
					})
					return []store.Store{f}
				}, settings{unit: time.Second})
			}()
			<-done
			faults = notes.faults
		})
	}
	require.True(t, found)
	return faults, stores
}

func sound(*broken) {}

// The fault: a machine was so busy that it overslept the term of a lease, and
// the suite said that the store had lost it.
func TestABusyMachineIsNoBrokenStore(t *testing.T) {
	faults, stores := insisted(t, "a lease that is renewed goes on", 1500*time.Millisecond, sound)
	require.Empty(t, faults)
	require.Equal(t, 2, stores, "with twice the unit there was time enough")
}

func TestABrokenStoreIsFoundAtOnce(t *testing.T) {
	faults, stores := insisted(t, "an entry is there until its ttl is over, and then gone", 0, neverExpires)
	require.NotEmpty(t, faults)
	require.Equal(t, 1, stores)
}

// Nor is it excused for being slow.
func TestABrokenStoreIsFoundOnABusyMachine(t *testing.T) {
	faults, stores := insisted(t, "an entry is there until its ttl is over, and then gone", time.Minute/10, neverExpires)
	require.Len(t, faults, 1, "what the last one found")
	require.Equal(t, 4, stores)
}
