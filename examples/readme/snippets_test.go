package readme

import (
	"context"
	"fmt"
	"iter"
	"log"
	"os"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
)

// The Go of the README, word for word: see TestReadmeCompiles. What it leaves to
// the reader's imagination is here.

type (
	Prompt string
	Answer string
	Job    struct{ ID int }
	Click  struct {
		URL string
		At  time.Time
	}
	service struct{}
	pull    struct{}
)

func (p Prompt) Key() string    { return string(p) }
func (c Click) Page() string    { return c.URL }
func (c Click) When() time.Time { return c.At }

func (service) Answer(context.Context, Prompt) (Answer, error)    { return "", nil }
func (pull) Read(context.Context) ([]stages.Delivery[Job], error) { return nil, nil }
func parse(_ context.Context, line string) (Prompt, error)        { return Prompt(line), nil }
func work(_ context.Context, j Job) (Job, error)                  { return j, nil }
func call(ctx context.Context, p Prompt) (Answer, error)          { return service{}.Answer(ctx, p) }
func save(context.Context, []Job) error                           { return nil }
func store(context.Context, []Answer) error                       { return nil }

var _ = []any{quickStart, results, around, shared, windows, delivery}

func quickStart(ctx context.Context, prompts []Prompt, model service) (*flow.Report, error) {
	report, err := flow.From(stages.Slice(prompts)).
		Guard(guard.Limit(64)).                                   // at most 64 in flight
		Dedup(dedup.Window(time.Minute), Prompt.Key).             // equal prompts share one call
		Breaker(breaker.Consecutive("model", 5, 10*time.Second)). // fail fast while it is down
		Retry(retry.Exponential(3, 50*time.Millisecond)).         // retry what is transient
		Map("answer", model.Answer, flow.Workers(16)).            // func(context.Context, Prompt) (Answer, error)
		Batch(100, time.Second).
		To(stages.ForEach(store)). // func(context.Context, []Answer) error
		Run(ctx, flow.StopOnSignal(), flow.DrainTimeout(20*time.Second))
	return report, err
}

func results(ctx context.Context) {
	for r := range flow.From(stages.Lines(os.Stdin)).Map("parse", parse).Map("call", call, flow.Workers(8)).Results(ctx) {
		if r.Err != nil { // a *stages.ItemError: stage, cause, attempts, value
			log.Print(r.Err)
		}
		fmt.Print(r.Timings) // for each stage: wait, work, attempts
	}
}

func around(ctx context.Context, b *breaker.Breaker, model service, prompt Prompt) (Answer, error) {
	answer, err := b.Do(ctx, func(ctx context.Context) (Answer, error) { return model.Answer(ctx, prompt) }) // b is a *breaker.Breaker
	return answer, err
}

func shared() (*guard.Guard, error) {
	limit, err := guard.New(guard.Limit(64)) // one limit for two flows
	return limit, err
}

func windows(clicks iter.Seq[Click]) *flow.Stream[stages.WindowOf[Click]] {
	perMinute := flow.From(stages.Seq(clicks)).
		Window(stages.Tumbling(time.Minute),
			stages.EventTime(Click.When, 5*time.Second),
			stages.PerKey(Click.Page))
	return perMinute
}

func delivery(ctx context.Context, queue pull) error {
	letters, err := stages.OpenLetters[Job]("dead.jsonl")
	if err != nil {
		return err
	}
	defer letters.Close()
	_, err = flow.From(stages.Acked(queue.Read)). // func(context.Context) ([]stages.Delivery[Job], error)
							Via("origin", stages.Remember[Job]()).
							Map("work", work, flow.Workers(8)).
							DeadLetter(letters.Put). // value, stage, cause, attempts, times
							To(stages.ForEachBatch(500, time.Second, save)).
							Run(ctx)
	return err
}
