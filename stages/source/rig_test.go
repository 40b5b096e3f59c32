package source_test

import (
	"errors"
	"iter"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
)

var (
	errFlaky = errors.New("flaky")
	errGone  = errors.New("gone")
)

// faults are the ways in which user code fails.
var faults = map[string]func() error{
	"error":  func() error { return errFlaky },
	"panic":  func() error { panic(errFlaky) },
	"goexit": func() error { runtime.Goexit(); return nil },
}

// deliver runs a source into a sink, checks the books, and returns the accounts of both.
func deliver[T any](t *testing.T, src stages.Source[T], end stages.Sink[T], control ...func(*flow.Run)) (brought, taken stages.Ledger, err error) {
	t.Helper()
	r, err := flow.From(src).To(end).Start(t.Context())
	require.NoError(t, err)
	var wg sync.WaitGroup
	for _, c := range control {
		wg.Go(func() { c(r) })
	}
	rep, err := r.Wait()
	wg.Wait()
	require.NoError(t, rep.Check())
	first, _ := rep.Stage("source")
	last, _ := rep.Stage("sink")
	return first.Ledger, last.Ledger, err
}

// after makes a control that does something at a certain time of the run.
func after(d time.Duration, do func(*flow.Run)) func(*flow.Run) {
	return func(r *flow.Run) {
		time.Sleep(d)
		do(r)
	}
}

func abort(r *flow.Run) { r.Abort(errGone) }
func stop(r *flow.Run)  { r.Stop() }

// upTo returns 0 to n-1.
func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// pipe is a reader and a writer that fails after so many reads, or bytes written, by fail.
type pipe struct {
	left int
	fail func() error
}

func (p *pipe) Write(b []byte) (int, error) {
	if p.left -= len(b); p.left < 0 {
		return 0, p.fail()
	}
	return len(b), nil
}

func (p *pipe) Read(b []byte) (int, error) {
	if p.left--; p.left < 0 {
		return 0, p.fail()
	}
	return copy(b, "line\n"), nil
}

// validate returns what is wrong with a source or sink.
func validate(s any) error { return s.(stages.Validator).Validate() }

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// forever yields numbers, d apart.
func forever(d time.Duration) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := 0; yield(i); i++ {
			time.Sleep(d)
		}
	}
}
