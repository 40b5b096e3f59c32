package flow

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// StopOnSignal stops the intake when the process gets one of the signals, so that
// what is inside drains, and aborts the run with [ErrSignal] at the second one.
// Without arguments they are those by which a worker is asked to end: SIGINT and
// SIGTERM.
//
// From the start of the run to its end the signals do nothing else to the
// process. After the second, and after the run, they have their own effect again,
// unless somebody else listens to them: a third one ends a process that hangs.
// Together with [DrainTimeout] it is all a worker needs:
//
//	report, err := graph.Run(ctx, flow.StopOnSignal(), flow.DrainTimeout(20*time.Second))
func StopOnSignal(signals ...os.Signal) RunOption {
	if len(signals) == 0 {
		signals = []os.Signal{os.Interrupt, syscall.SIGTERM}
	}
	return func(s *runSettings) { s.signals = append(s.signals, signals...) }
}

// heed stops the run at the first signal and aborts it at the second.
func (r *Run) heed(heard chan os.Signal) {
	defer signal.Stop(heard)
	act := func(os.Signal) { r.rt.Stop() }
	for range 2 {
		select {
		case s := <-heard:
			act(s)
		case <-r.ended:
			return
		}
		act = func(s os.Signal) { r.rt.Abort(fmt.Errorf("%w: %v", ErrSignal, s)) }
	}
}
