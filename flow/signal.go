package flow

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// StopOnSignal stops the intake when the process gets one of the signals, so that the items
// inside drain. A second signal aborts the run with [ErrSignal]; signals within 0.5 s of the
// first are ignored. Without arguments the signals are SIGINT and SIGTERM.
//
// From the start of the run to its end the signals do nothing else to the process. After the
// second, and after the run, they have their own effect again, unless other code listens to
// them: a third one ends a process that hangs. Together with [DrainTimeout] it is all that a
// worker needs:
//
//	report, err := graph.Run(ctx, flow.StopOnSignal(), flow.DrainTimeout(20*time.Second))
func StopOnSignal(signals ...os.Signal) RunOption {
	if len(signals) == 0 {
		signals = []os.Signal{os.Interrupt, syscall.SIGTERM}
	}
	return func(s *runSettings) { s.signals = append(s.signals, signals...) }
}

// sameSignal is the time within which two signals count as one: a wrapper sends a signal to the
// process and to its group.
const sameSignal = 500 * time.Millisecond

// heed stops the run at the first signal and aborts it at the second.
func (r *Run) heed(heard chan os.Signal) {
	defer signal.Stop(heard)
	var first time.Time
	for {
		select {
		case s := <-heard:
			switch {
			case first.IsZero():
				first = time.Now()
				r.kernel.Stop()
			case time.Since(first) >= sameSignal:
				r.kernel.Abort(fmt.Errorf("%w: %v", ErrSignal, s))
				return
			}
		case <-r.ended:
			return
		}
	}
}
