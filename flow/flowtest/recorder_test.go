package flowtest

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder takes the place of *testing.T.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	faults   []string
	cleanups []func()
}

func (r *recorder) Helper()  {}
func (r *recorder) FailNow() { runtime.Goexit() }

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	r.FailNow()
}

func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

// told runs f, as a test is run, and returns what it had to say. The goroutine
// is there for FailNow to end, and is waited for; a bubble the checks open
// themselves.
func told(f func(r *recorder)) []string {
	r := &recorder{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for i := len(r.cleanups) - 1; i >= 0; i-- {
				r.cleanups[i]()
			}
		}()
		f(r)
	}()
	<-done
	return r.faults
}

// failures runs all checks on what c makes, and returns what they found, by check.
// What is broken may wait for release, which is closed when a check is over: a bubble
// cannot end otherwise.
func failures[C any](t *testing.T, checks []check[C], c func(release <-chan struct{}) C) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, k := range checks {
		synctest.Test(t, func(*testing.T) {
			release := make(chan struct{})
			defer time.Sleep(2 * time.Hour) // for what is only slow
			defer close(release)
			faults := told(func(r *recorder) { k.try(r, c(release)) })
			faults = append(faults, told(func(r *recorder) { nobodyLeft(r) })...)
			if len(faults) > 0 {
				found[k.name] = faults
			}
		})
	}
	return found
}
