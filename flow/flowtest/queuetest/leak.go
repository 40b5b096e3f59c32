package queuetest

import (
	"runtime"
	"strings"
	"time"
)

// noGoroutineLeft counts goroutines before and after runs that end in different ways.
func noGoroutineLeft[M any](tr *trial[M]) {
	tr.create(unused)
	warm := tr.join(tr.worker) // starts the client's goroutines that belong to no source
	tr.load(10)
	tr.complete()
	warm.leave()
	before := map[string]int{}
	tr.until("goroutines of the first run end", func() bool {
		now := goroutines()
		steady := len(now) == len(before)
		before = now
		return steady
	})
	for range 3 {
		m := tr.join(tr.worker)
		tr.load(inFlight)
		tr.complete()
		m.leave()
	}
	var more string
	for range int(tr.b.Patience / (5 * step)) {
		if more = added(before, goroutines()); more == "" {
			return
		}
		time.Sleep(5 * step)
	}
	tr.Errorf("goroutines are left after the run:\n%s", more)
}

// goroutines returns the stacks of all goroutines, without numbers, and the number of goroutines
// with each stack.
func goroutines() map[string]int {
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	all := map[string]int{}
	for stack := range strings.SplitSeq(strings.TrimSpace(string(buf)), "\n\n") {
		all[origin(stack)]++
	}
	return all
}

// origin returns where a goroutine was created, and its first function.
func origin(stack string) string {
	_, created, ok := strings.Cut(stack, "created by ")
	if !ok {
		return "main"
	}
	created, _, _ = strings.Cut(created, " in goroutine")
	return created
}

// added returns the stacks of which now has more than before.
func added(before, now map[string]int) string {
	var b strings.Builder
	for where, n := range now {
		if n > before[where] {
			b.WriteString(where + "\n")
		}
	}
	return b.String()
}
