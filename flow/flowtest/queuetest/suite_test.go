package queuetest

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	Main(m, memoryClient(), func(code int) int {
		if err := goleak.Find(); code == 0 && err != nil {
			fmt.Println(err)
			return 1
		}
		return code
	})
}

func TestMemory(t *testing.T) { Run(t, memory("")) }

// recorder takes the place of *testing.T.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	faults   []string
	cleanups []func()
}

func (r *recorder) Helper()             {}
func (r *recorder) Logf(string, ...any) {}
func (r *recorder) FailNow()            { runtime.Goexit() }
func (r *recorder) Skip(...any)         { r.faults = append(r.faults, "skipped"); runtime.Goexit() }
func (r *recorder) Cleanup(f func())    { r.cleanups = append(r.cleanups, f) }

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

// told plays a case and returns what it found.
func told(t *testing.T, c testCase[stored], b Broker[stored]) []string {
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for _, f := range slices.Backward(r.cleanups) {
				f()
			}
		}()
		c.try(r, b)
	}()
	<-done
	return r.faults
}

// What a broken broker or connector does is found by the case that is there for it.
func TestTheSuiteFindsWhatIsBroken(t *testing.T) {
	var waiting sync.WaitGroup
	room := make(chan struct{}, 8) // most of them wait
	for fault, find := range map[string][]string{
		"a message is lost":                          {"messages come as they were put"},
		"a message is repeated":                      {"messages come as they were put", "members join and leave under load"},
		"disorder":                                   {"messages of a key stay in order"},
		"settled at receipt":                         {"a message is settled after the sink has it", "workers are killed under load", "an aborted run gives back what it holds", "a message is settled after it was published"},
		"what is handed back is dropped":             {"a message that was handed back comes again at once", "one bad message of a batch comes again alone"},
		"what is handed back is delayed":             {"a message that was handed back comes again at once"},
		"an abort drops":                             {"an aborted run gives back what it holds"},
		"delays are ignored":                         {"a message that was handed back for a time comes again after it"},
		"deliveries are not counted":                 {"a poison message is dead-lettered at the last delivery"},
		"what is beside a message goes back with it": {"one bad message of a batch comes again alone"},
		"large messages are cut":                     {"a message of 10 MB"},
		"leases are not renewed":                     {"a slow message stays with its member for five terms"},
		"a stop hangs":                               {"an idle source stops soon"},
		"a goroutine is left":                        {"no goroutine is left"},
		"acknowledgements that fail are forgotten":   {"acknowledgements that fail"},
		"the last acknowledgements are not sent":     {"workers end at SIGTERM under load", "members join and leave under load"},
		"the dead take their messages along":         {"workers are killed under load"},
		"a member settles late":                      {"workers are killed under load"},
		"a restart loses":                            {"the broker restarts under load"},
		"a lost connection is the end":               {"the broker restarts under load"},
		"what is published is not kept":              {"what was published is there", "a message is settled after it was published"},
	} {
		for _, name := range find {
			waiting.Go(func() {
				room <- struct{}{}
				defer func() { <-room }()
				b := memory(fault)
				b.Patience = 2 * time.Second
				faults := told(t, byName(t, name), b.withDefaults())
				if len(faults) == 0 || faults[0] == "skipped" {
					t.Errorf("%q has not found that %s", name, fault)
				}
			})
		}
	}
	waiting.Wait()
}

// slowProcess is no fault: members take long to connect, and to end.
const slowProcess = "slow process"

// A worker process is not signalled before it can hear it.
func TestWorkerProcessesMayBeSlow(t *testing.T) {
	t.Parallel()
	require.Empty(t, told(t, byName(t, "workers end at SIGTERM under load"), memory(slowProcess).withDefaults()))
}

func byName(t *testing.T, name string) testCase[stored] {
	for _, c := range cases[stored]() {
		if c.name == name {
			return c
		}
	}
	t.Errorf("there is no case %q", name)
	return testCase[stored]{run: func(*trial[stored]) {}}
}
