package stages_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
)

// The first try fails, and the next would be in a minute. The flow is stopped before,
// so it is made at once.
func ExampleOnDrain() {
	tries := retry.Constant(5, time.Minute)
	layers := []stages.Layer[string]{stages.Retry[string](tries, stages.OnDrain(stages.DrainRunNow))}
	failed := make(chan struct{})
	first := true
	ask := func(_ context.Context, v string) (string, error) {
		if first {
			first = false
			close(failed)
			return "", errors.New("busy")
		}
		return v + "!", nil
	}
	rt := stages.NewRuntime(context.Background(), false, "prompts", "answer", "print")
	defer rt.Close()
	out, in := stages.Link[string](rt, rt.Nodes()[0], rt.Nodes()[1], 8)
	next, last := stages.Link[string](rt, rt.Nodes()[1], rt.Nodes()[2], 8)
	go stages.RunSource(stages.SourceFunc[string](func(ctx context.Context, out *stages.Outlet[string]) error {
		out.Emit("hello")
		<-ctx.Done() // there may be more
		return nil
	}), out)
	go stages.RunStage(stages.Section(layers, ask), in, next)
	go func() {
		<-failed
		rt.Stop()
	}()
	stages.RunSink(show[string](), last)
	// Output: hello!
}

func ExampleDrain_String() {
	fmt.Println(stages.DrainRunNow, stages.DrainFail, stages.DrainHandBack, stages.DrainWait)
	// Output: run now fail hand back wait
}
