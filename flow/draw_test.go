package flow_test

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// drawn is a graph with a bit of everything.
func drawn() *flow.Graph {
	b := flow.From(source.Slice(upTo(1000)), stages.Name("orders")).Broadcast(2)
	priced := b[0].Guard(guard.Limit(64)).Breaker(breaker.Consecutive("prices", 5, time.Second)).
		Retry(retry.Constant(3, time.Millisecond)).Map("price", same, stages.Workers(8))
	stocked := b[1].Lanes("stock", func(v int) int { return v % 10 }, same, stages.Workers(4), stages.Buffer(32))
	return priced.Zip(stocked, func(a, b int) int { return a + b }, stages.Name("both")).
		To(sink.ForEach(func(context.Context, int) error { return nil }), stages.Name(`the "end" <#1>`))
}

// A graph draws itself, before it runs.
func ExampleGraph_Mermaid() {
	fmt.Print(drawn().Mermaid())
	// Output:
	// flowchart LR
	// 	n0(["orders"])
	// 	n1["broadcast"]
	// 	n2["price<br>guard #gt; breaker #gt; retry #gt; 8 workers"]
	// 	n3["stock<br>4 workers, in order by key"]
	// 	n4["both"]
	// 	n5(["the #quot;end#quot; #lt;#35;1#gt;"])
	// 	n0 -->|"256"| n1
	// 	n1 -->|"256"| n2
	// 	n1 -->|"32"| n3
	// 	n2 -->|"256"| n4
	// 	n3 -->|"256"| n4
	// 	n4 -->|"256"| n5
}

func ExampleGraph_DOT() {
	g := flow.From(source.Slice([]int{1, 2})).Map("work", same, stages.Workers(2)).To(sink.ForEach(func(context.Context, int) error { return nil }))
	fmt.Print(g.DOT())
	// Output:
	// digraph weir {
	// 	rankdir=LR
	// 	node [shape=box]
	// 	n0 [label="source", style=rounded]
	// 	n1 [label="work\n2 workers"]
	// 	n2 [label="sink", style=rounded]
	// 	n0 -> n1 [label="256"]
	// 	n1 -> n2 [label="256"]
	// }
}

// While it runs, the picture has figures, and the full edge is drawn bold.
func TestARunDrawsItselfWithFigures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := flow.From(source.Slice(upTo(100))).
			Map("slow", func(context.Context, int) (int, error) { time.Sleep(time.Second); return 0, errFlaky }, stages.Buffer(8)).
			DeadLetter(func(context.Context, *stages.ItemError) error { return nil }).
			To(sink.ForEach(func(context.Context, int) error { return nil }))
		r, err := g.Start(t.Context())
		require.NoError(t, err)
		time.Sleep(2500 * time.Millisecond)
		synctest.Wait()
		require.Contains(t, r.Mermaid(), `n1["slow<br>in 2, out 0, failed 2"]`)
		require.Contains(t, r.Mermaid(), `n2["dead-letter<br>in 0, out 0, dead-lettered 2"]`)
		require.Contains(t, r.Mermaid(), `n0 ==>|"8/8"| n1`)
		require.Contains(t, r.DOT(), `n0 -> n1 [label="8/8", penwidth=3]`)
		require.Contains(t, r.DOT(), `n1 [label="slow\nin 2, out 0, failed 2"]`)
		r.Abort(errFlaky)
		_, err = r.Wait()
		require.ErrorIs(t, err, errFlaky)
		require.Contains(t, r.Mermaid(), "failed")
	})
}

// Graphviz itself reads what DOT writes, where it is installed.
func TestGraphvizReadsThePicture(t *testing.T) {
	dot, err := exec.LookPath("dot")
	if err != nil {
		t.Skip("Graphviz is not installed")
	}
	cmd := exec.Command(dot, "-Tsvg")
	cmd.Stdin = strings.NewReader(drawn().DOT())
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "&lt;#1&gt;")
}
