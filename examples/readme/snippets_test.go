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
	"github.com/weir-go/weir/stages/deadletter"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
	"github.com/weir-go/weir/stages/topic"
)

// This file has the Go of the README, word for word; see TestReadmeCompiles. It also
// declares the names that the README leaves to the reader's imagination.

type (
	Prompt string
	Answer string
	Order  string
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
func (pull) Read(context.Context) ([]source.Delivery[Job], error) { return nil, nil }
func parse(_ context.Context, line string) (Prompt, error)        { return Prompt(line), nil }
func work(_ context.Context, j Job) (Job, error)                  { return j, nil }
func call(ctx context.Context, p Prompt) (Answer, error)          { return service{}.Answer(ctx, p) }
func save(context.Context, []Job) error                           { return nil }
func store(context.Context, []Answer) error                       { return nil }

var _ = []any{quickStart, results, around, shared, windows, delivery, parts}

func quickStart(ctx context.Context, prompts []Prompt, model service) (*flow.Report, error) {
	report, err := flow.From(source.Slice(prompts)).
		Guard(guard.Limit(64)).                                   // at most 64 in flight
		Dedup(dedup.Window(time.Minute), Prompt.Key).             // equal prompts share one call
		Breaker(breaker.Consecutive("model", 5, 10*time.Second)). // fail fast while it is down
		Retry(retry.Exponential(3, 50*time.Millisecond)).         // retry what is transient
		Map("answer", model.Answer, stages.Workers(16)).          // func(context.Context, Prompt) (Answer, error)
		Batch(100, time.Second).
		To(sink.ForEach(store)). // func(context.Context, []Answer) error
		Run(ctx, flow.StopOnSignal(), flow.DrainTimeout(20*time.Second))
	return report, err
}

func results(ctx context.Context) {
	for r := range flow.From(source.Lines(os.Stdin)).Map("parse", parse).Map("call", call, stages.Workers(8)).Results(ctx) {
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

func shared() *guard.Guard {
	limit := guard.Of(guard.Limit(64)) // one limit for two flows; a wrong policy is reported with the flow
	return limit
}

func windows(clicks iter.Seq[Click]) *flow.Stream[operator.WindowOf[Click]] {
	perMinute := flow.From(source.Seq(clicks)).
		Window(operator.Tumbling(time.Minute),
			stages.EventTime(Click.When, 5*time.Second),
			stages.PerKey(Click.Page))
	return perMinute
}

func delivery(ctx context.Context, queue pull) error {
	letters, err := deadletter.OpenFile[Job]("dead.jsonl")
	if err != nil {
		return err
	}
	defer letters.Close()
	_, err = flow.From(source.Acked(queue.Read)). // func(context.Context) ([]source.Delivery[Job], error)
							Remember().
							Map("work", work, stages.Workers(8)).
							DeadLetter(letters.Put). // value, stage, cause, attempts, times
							To(sink.ForEachBatch(500, time.Second, save)).
							Run(ctx)
	return err
}

func price(_ context.Context, o Order) (Order, error) { return o, nil }
func ship(_ context.Context, o Order) (Order, error)  { return o, nil }

func parts(orders *flow.Stream[Order]) *flow.Stream[Order] {
	shipped := orders.
		Map("price", price).
		Through("paid", topic.Local[Order]()). // in memory; natsio.Topic(js, "paid", ...) lets many processes ship
		Map("ship", ship, stages.Workers(16))
	return shipped
}
