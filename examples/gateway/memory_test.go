package main

import (
	"os"
	"regexp"
	"runtime"
	"runtime/metrics"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// peak returns by how many MiB the heap grows at most while f runs. Garbage counts until
// the collector frees it. peak also logs the resident set, if the system tells it.
func peak(t *testing.T, f func()) int {
	t.Helper()
	runtime.GC()
	before, most := heap(), uint64(0)
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // Linux resets the peak
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for tick := time.NewTicker(time.Millisecond); ; {
			most = max(most, heap())
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	}()
	f()
	close(done)
	<-ended
	mib := int(max(most, before)-before) >> 20
	t.Logf("at most %d MiB of heap; resident set at most %s", mib, resident())
	return mib
}

// live returns how many MiB of the heap are in use.
func live() int {
	runtime.GC()
	return int(heap() >> 20)
}

func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// resident returns the largest resident set of the process, as Linux tells it.
func resident() string {
	status, _ := os.ReadFile("/proc/self/status")
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		return "unknown"
	}
	kib, err := strconv.Atoi(string(found[1]))
	if err != nil {
		return "unknown"
	}
	return strconv.Itoa(kib>>10) + " MiB"
}

func TestPeakSeesWhatIsHeld(t *testing.T) {
	var held []byte
	got := peak(t, func() {
		held = make([]byte, 32<<20)
		time.Sleep(20 * time.Millisecond) // real time: the sampler needs it
	})
	require.InDelta(t, 32, got, 4)
	runtime.KeepAlive(held)
}
