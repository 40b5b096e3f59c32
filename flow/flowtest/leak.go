package flowtest

import (
	"regexp"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"testing/synctest"
)

// NoLeaks fails the test, when it has ended, if a goroutine waits for something that can
// never come, and shows where. It reads the runtime's goroutineleak profile, which covers
// the whole process. So call it first in a test that must not be blamed for the leaks of
// other tests. It cannot be used in a [Bubble], which looks for itself.
func NoLeaks(t testing.TB) {
	t.Helper()
	t.Cleanup(func() {
		if leaks := leaked(); leaks != "" {
			t.Errorf("flowtest: goroutines wait forever:\n%s", leaks)
		}
	})
}

// leaked returns the stacks of leaked goroutines, "" for none.
func leaked() string {
	profile := pprof.Lookup("goroutineleak")
	if profile == nil {
		return "" // GODEBUG has switched it off
	}
	var b strings.Builder
	if err := profile.WriteTo(&b, 2); err != nil {
		return err.Error()
	}
	var stacks []string
	for stack := range strings.SplitSeq(b.String(), "\n\n") {
		if head, _, _ := strings.Cut(stack, "\n"); strings.Contains(head, "(leaked)") {
			stacks = append(stacks, stack)
		}
	}
	return strings.Join(stacks, "\n\n")
}

// failer is the part of a testing.TB that checks need.
type failer interface {
	Helper()
	Errorf(format string, args ...any)
}

// nobodyLeft fails the test if other goroutines of the bubble are running.
func nobodyLeft(t failer) {
	t.Helper()
	synctest.Wait()
	if stacks := strays(); len(stacks) > 0 {
		t.Errorf("flowtest: %d goroutines are left:\n\n%s", len(stacks), strings.Join(stacks, "\n\n"))
	}
}

var bubbleNumber = regexp.MustCompile(`synctest bubble \d+`)

// strays returns the stacks of the other goroutines of the caller's bubble, which all wait. It
// leaves out the goroutine of the bubble itself.
func strays() []string {
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	all := strings.Split(strings.TrimSpace(string(buf)), "\n\n")
	own := bubbleNumber.FindString(firstLine(all[0])) // the caller comes first
	if own == "" {
		return nil
	}
	var left []string
	for _, stack := range all[1:] {
		if bubbleNumber.FindString(firstLine(stack)) == own && !scaffold(stack) {
			left = append(left, stack)
		}
	}
	return left
}

// scaffold reports whether a stack is that of the bubble's own goroutine.
func scaffold(stack string) bool {
	return strings.Contains(stack, "internal/synctest.Run(") || strings.Contains(stack, "created by testing/synctest.")
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
