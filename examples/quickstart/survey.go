package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"
	"time"

	"github.com/weir-go/weir/examples/internal/chat"
	"github.com/weir-go/weir/examples/internal/cli"
	"github.com/weir-go/weir/examples/quickstart/internal/glossary"
	"github.com/weir-go/weir/examples/quickstart/internal/godoc"
	"github.com/weir-go/weir/examples/quickstart/internal/progress"
	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
)

// survey is one run of the job: the packages in, the glossary out.
type survey struct {
	src      fs.FS
	names    []string // the packages, by import path
	model    string
	workers  int
	client   *chat.Client
	out      io.Writer
	progress *progress.Progress
	outage   *outage

	failures []*stages.ItemError
	written  int
}

// graph wires the job. It is the part of this program to read.
//
// The retry encloses the breaker here, and not the other way round: so the
// breaker sees every attempt and opens during an outage, and RetryRejected has
// the items wait until it closes, which costs them none of their attempts. What
// does cost is to be the probe of a half-open breaker; the same item may be it
// several times in an outage, so the attempts are many. The
// guard bounds how many wait, so the stream pauses while the service is down.
func (s *survey) graph() *flow.Graph {
	return flow.From(stages.Slice(s.names), flow.Name("packages")).
		FlatMap("terms", s.terms).
		Guard(guard.Limit(64, guard.Name("service"))).
		Dedup(dedup.Window(time.Hour, dedup.Name("terms")), func(t glossary.Term) string { return t.Name }).
		Retry(retry.Exponential(10, 100*time.Millisecond, retry.RetryRejected())).
		Breaker(breaker.Consecutive("service", 5, 500*time.Millisecond, breaker.OnChange(s.outage.note))).
		Enrich("summarise", s.summarise, glossary.Term.Entry, flow.Workers(s.workers)).
		DeadLetter(s.keepFailure).
		Batch(50, 200*time.Millisecond).
		To(stages.ForEach(s.write), flow.Name("write"))
}

// terms reads a package and lists what its readers need.
func (s *survey) terms(ctx context.Context, name string) (iter.Seq[glossary.Term], error) {
	p, err := godoc.Load(ctx, s.src, name)
	if err != nil {
		return nil, err
	}
	terms := glossary.Terms(p)
	s.progress.Grow(len(terms))
	return slices.Values(terms), nil
}

// summarise asks the model. It is called once for each name, however many
// packages import it, and so it can afford to read the documentation.
func (s *survey) summarise(ctx context.Context, t glossary.Term) (string, error) {
	p, err := godoc.Load(ctx, s.src, t.Name)
	if err != nil {
		return "", err
	}
	a, err := s.client.Complete(ctx, glossary.Question(s.model, p))
	return a.Text, err
}

// keepFailure remembers what could not be summarised, for the end.
func (s *survey) keepFailure(_ context.Context, failure *stages.ItemError) error {
	s.failures = append(s.failures, failure)
	s.progress.Add(1)
	return nil
}

// write appends a batch to the glossary, in one write.
func (s *survey) write(_ context.Context, entries []glossary.Entry) error {
	var lines []byte
	for _, e := range entries {
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		lines = append(append(lines, line...), '\n')
	}
	if _, err := s.out.Write(lines); err != nil {
		return err
	}
	s.written += len(entries)
	s.progress.Add(len(entries))
	return nil
}

// run runs the job. The end of interrupt stops the intake, and what has been
// begun is finished; a service that stays down ends it with an error.
func (s *survey) run(interrupt context.Context) (*flow.Report, error) {
	r, err := s.graph().Start(context.Background(),
		flow.StopWhen(interrupt.Done()), flow.DrainTimeout(drainTimeout))
	if err != nil {
		return nil, err
	}
	s.outage.watch(r)
	report, err := r.Wait()
	s.outage.over()
	return report, s.verdict(interrupt, err)
}

// drainTimeout is how long a run may take to finish what it has begun.
const drainTimeout = 20 * time.Second

// verdict says in one line what kept the glossary from being complete. What waits
// for another try when the run is interrupted has it at once, or not at all.
func (s *survey) verdict(interrupt context.Context, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("%w; %d lines are written", err, s.written)
	case interrupt.Err() != nil && len(s.failures) > 0:
		return fmt.Errorf("%w; %d lines are written, %d were given up, the first: %w", cli.ErrInterrupted, s.written, len(s.failures), s.failures[0])
	case interrupt.Err() != nil:
		return fmt.Errorf("%w; what had been begun is finished: %d lines are written", cli.ErrInterrupted, s.written)
	case len(s.failures) > 0:
		return fmt.Errorf("%d of %d lines failed, the first: %w", len(s.failures), s.written+len(s.failures), s.failures[0])
	}
	return nil
}
