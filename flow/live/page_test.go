package live_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/flow/live"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// commas writes a number as the page does.
func commas(n int64) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

const (
	waitFor = time.Minute
	tick    = 5 * time.Millisecond
)

// same checks that the page shows what the snapshot says of each stage, edge and the run.
func same(t *testing.T, b *tab, rep *flow.Report) {
	t.Helper()
	for _, s := range rep.Stages {
		for figure, want := range map[string]int64{
			"total-in": s.Ledger.In, "total-out": s.Ledger.Out, "failed": s.Ledger.Failed,
			"dead": s.Ledger.DeadLettered, "inside": s.Ledger.Balance(),
		} {
			require.Equal(t, commas(want), b.text(`tr[data-stage="`+s.Name+`"] [data-figure="`+figure+`"]`), "%s of %s", figure, s.Name)
		}
	}
	for _, e := range rep.Edges {
		require.Equal(t, commas(int64(e.Depth)), b.text(`tr[data-edge="`+e.From+` > `+e.To+`"] [data-figure="items"]`))
	}
	for figure, want := range map[string]int64{
		"in": rep.Ledger.In, "derived": rep.Ledger.Derived, "out": rep.Ledger.Out, "folded": rep.Ledger.Folded,
		"failed": rep.Ledger.Failed, "dead_lettered": rep.Ledger.DeadLettered, "handed_back": rep.Ledger.HandedBack, "inside": rep.Ledger.Balance(),
	} {
		require.Equal(t, commas(want), b.text(`#ledger [data-ledger="`+figure+`"]`), figure)
	}
	require.Equal(t, commas(rep.Ledger.Balance()), b.text("#tile-inside"))
}

func TestThePageShowsTheSnapshot(t *testing.T) {
	b := newTab(t)
	numbers := make(chan int)
	gate := make(chan struct{})
	odd := func(_ context.Context, v int) (int, error) {
		if v%2 == 0 {
			return 0, errors.New("even")
		}
		return v, nil
	}
	run, err := flow.From(source.Chan(numbers), stages.Name("numbers")).Map("odd", odd).
		DeadLetter(func(context.Context, *stages.ItemError) error { return nil }, stages.Name("even")).
		To(sink.ForEach(func(context.Context, int) error { <-gate; return nil }), stages.Name("slow"), stages.Buffer(5000)).
		Start(context.Background())
	require.NoError(t, err)
	url := serve(t, live.Handler(run))
	for i := range 3001 {
		numbers <- i
	}
	b.open(url)
	b.eventually(`document.querySelector('#ledger [data-ledger="dead_lettered"]').textContent === "1,501"`, "the page does not follow")
	b.eventually(`document.querySelector('#tile-in').textContent === "0"`, "the page is not at rest")
	same(t, b, run.Snapshot())

	close(gate)
	close(numbers)
	_, err = run.Wait()
	require.NoError(t, err)
	b.eventually(`document.querySelector("#state").textContent === "ended"`, "the end is not shown")
	same(t, b, run.Snapshot())
	require.Equal(t, "✓ adds up, nothing inside", b.text("#balance"))
	b.clean()
}

// serve serves a handler under a prefix, for one test.
func serve(t *testing.T, h http.Handler) (url string) {
	t.Helper()
	return serveAt(t, "127.0.0.1:0", h)
}

func serveAt(t *testing.T, addr string, h http.Handler) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("/live/", h)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	over := make(chan struct{})
	go func() { _ = server.Serve(listener); close(over) }()
	t.Cleanup(func() { _ = server.Close(); <-over })
	return "http://" + listener.Addr().String() + "/live/"
}

func TestPausingPauses(t *testing.T) {
	b := newTab(t)
	s := newShop()
	run, url := s.open(t, live.Controls(s.places))
	b.open(url)
	b.click(`#svg [data-stage="orders"]`)
	b.click("#pause")
	b.eventually(`document.querySelector("#pause").textContent === "Resume"`, "the page does not show the pause")
	require.Equal(t, "Paused.", b.text("#detail .said"))
	orders, _ := run.Snapshot().Stage("orders")
	require.True(t, orders.Paused)
	time.Sleep(100 * time.Millisecond) // real time: an item that was on its way may arrive
	before := run.Snapshot().Ledger.In
	time.Sleep(time.Second)
	require.Equal(t, before, run.Snapshot().Ledger.In)
	require.Contains(t, b.text(`#svg [data-stage="orders"]`), "paused")

	b.click("#pause")
	b.eventually(`document.querySelector("#pause").textContent === "Pause"`, "the page does not show the end of the pause")
	require.Eventually(t, func() bool { return run.Snapshot().Ledger.In > before }, 10*time.Second, time.Millisecond)
	b.clean()
}

func TestWorkersAndCapacityCanBeSet(t *testing.T) {
	b := newTab(t)
	s := newShop()
	run, url := s.open(t, live.Controls(s.places))
	b.open(url)
	b.click(`#svg [data-stage="price"]`)
	b.eventually(`document.querySelector("#workers") && document.querySelector("#capacity-prices")`, "no controls")
	ask[string](b, `document.querySelector("#workers").value = "3"`)
	b.click("#workers + button")
	b.eventually(`document.querySelector("#detail .said").textContent === "Workers set."`, "no answer")
	price, _ := run.Snapshot().Stage("price")
	require.Equal(t, 3, price.Workers)
	ask[string](b, `document.querySelector("#capacity-prices").value = "7"`)
	b.click("#capacity-prices + button")
	b.eventually(`document.querySelector("#detail .said").textContent === "Capacity set."`, "no answer")
	require.Equal(t, 7, s.places.Snapshot().Capacity)
	ask[string](b, `document.querySelector("#workers").value = "99999999"`)
	b.click("#workers + button")
	b.eventually(`document.querySelector("#detail .said.bad")`, "a fault is not shown")
	require.Contains(t, b.text("#detail .said"), "workers must be at most 65536")
}

func TestAPageWithoutControlsHasNone(t *testing.T) {
	b := newTab(t)
	s := newShop()
	_, url := s.open(t)
	b.open(url)
	b.click(`#svg [data-stage="orders"]`)
	b.eventually(`!document.querySelector("#detail").hidden`, "no details")
	require.Equal(t, "(none)", b.text("#pause"))
	require.True(t, ask[bool](b, `document.querySelector("#letters").hidden`))
	b.clean()
}

func TestTheDrainIsShownAndWhoHoldsItUp(t *testing.T) {
	b := newTab(t)
	gate := make(chan struct{})
	stuck := func(_ context.Context, v int) (int, error) { <-gate; return v, nil }
	run, err := flow.From(endless).Map("stuck", stuck, stages.Workers(2)).
		To(sink.ForEach(func(context.Context, int) error { return nil })).Start(context.Background(), flow.DrainTimeout(time.Hour))
	require.NoError(t, err)
	b.open(serve(t, live.Handler(run)))
	require.Equal(t, "running", b.text("#state"))
	run.Stop()
	b.eventually(`document.querySelector("#state").textContent === "draining"`, "the drain is not shown")
	b.eventually(`document.querySelector("#drain-busy").textContent.includes("stuck is busy: 2 calls")`, "what is busy is not shown")
	require.Regexp(t, `items inside, draining for .+ of 1h 0m\.$`, b.text("#drain-text"))
	close(gate)
	_, err = run.Wait()
	require.NoError(t, err)
	b.eventually(`document.querySelector("#state").textContent === "ended" && !document.querySelector("#drain").hidden`, "the end is not shown")
	b.clean()
}

func TestAnErrorIsShown(t *testing.T) {
	b := newTab(t)
	run, err := flow.From(endless).To(sink.ForEach(func(context.Context, int) error { return nil })).Start(context.Background())
	require.NoError(t, err)
	b.open(serve(t, live.Handler(run)))
	run.Abort(errors.New("the disk is full"))
	_, _ = run.Wait()
	b.eventually(`document.querySelector("#state").textContent === "ended with an error"`, "the error is not shown")
	require.Contains(t, b.text("#drain-text"), "the disk is full")
}

// endless brings a number in, each millisecond.
var endless = stages.SourceFunc[int](func(ctx context.Context, out *stages.Outlet[int]) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			out.Emit(i)
		}
	}
})

// The server goes while the page is open, and comes back with another run.
func TestThePageConnectsAgain(t *testing.T) {
	b := newTab(t)
	var now atomic.Pointer[http.Handler]
	start := func(name string) *flow.Run {
		run, err := flow.From(endless).To(sink.ForEach(func(context.Context, int) error { return nil }), stages.Name(name)).Start(context.Background())
		require.NoError(t, err)
		t.Cleanup(func() { run.Abort(errors.New("the test is over")); _, _ = run.Wait() })
		h := live.Handler(run)
		now.Store(&h)
		return run
	}
	start("first")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := listener.Addr().String()
	through := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*now.Load()).ServeHTTP(w, r) })
	server := &http.Server{Handler: through, ReadHeaderTimeout: time.Second}
	over := make(chan struct{})
	go func() { _ = server.Serve(listener); close(over) }()
	b.open("http://" + addr + "/live/")

	require.NoError(t, server.Close())
	<-over
	b.eventually(`!document.querySelector("#notice").hidden && document.querySelector("#state").textContent === "no connection"`, "the loss is not shown")
	require.Contains(t, b.text("#notice"), "The figures are those of ")
	start("second")
	serveAt(t, addr, through)
	b.eventually(`document.querySelector("#notice").hidden && document.querySelector("#state").textContent === "running"`, "the page does not connect again")
	b.eventually(`document.querySelector('#svg [data-stage="second"]')`, "the new graph is not shown")
	require.Equal(t, "(none)", b.text(`#svg [data-stage="first"]`))
}

func TestTheGraphCanBeUsedByKeyboard(t *testing.T) {
	b := newTab(t)
	s := newShop()
	_, url := s.open(t)
	b.size(1440, 900, false)
	b.open(url)
	at := func() string { return ask[string](b, `document.activeElement.dataset?.stage ?? ""`) }
	ask[chromedp.Void](b, `document.querySelector('#svg [tabindex="0"]').focus()`)
	require.Equal(t, "orders", at())
	b.do(chromedp.KeyEvent(kb.ArrowRight))
	require.Equal(t, "known", at())
	b.do(chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.ArrowRight))
	require.Equal(t, "invoice", at())
	b.do(chromedp.KeyEvent(kb.ArrowUp))
	require.Equal(t, "index", at())
	b.do(chromedp.KeyEvent(kb.ArrowLeft))
	require.Equal(t, "broadcast", at())
	b.do(chromedp.KeyEvent(kb.Enter))
	require.Equal(t, "broadcast", b.text("#detail-title"))
	b.do(chromedp.KeyEvent(kb.Escape))
	require.True(t, ask[bool](b, `document.querySelector("#detail").hidden`))
	require.Equal(t, "broadcast", at(), "the focus comes back")
	b.clean()
}

func TestDeadLettersAreShownAndReplayed(t *testing.T) {
	b := newTab(t)
	s := newShop()
	_, url := s.open(t, s.dead())
	b.open(url)
	b.eventually(`document.querySelectorAll("#letters-list tbody tr").length > 2`, "no letters")
	row := b.text(`tr[data-letter="1"]`)
	require.Contains(t, row, "order 4 of customer 4, card hidden")
	require.Contains(t, row, "prices: 503 Service Unavailable")
	require.NotContains(t, ask[string](b, `document.documentElement.outerHTML`), "4111")
	require.True(t, ask[bool](b, `document.querySelector("#letters-replay").disabled`))

	for _, id := range []string{"1", "2"} {
		ask[chromedp.Void](b, `document.querySelector('tr[data-letter="`+id+`"] input').click()`)
	}
	require.Equal(t, "Replay 2 letters", b.text("#letters-replay"))
	b.click("#letters-replay")
	b.eventually(`document.querySelector("#letters-said").textContent === "2 letters replayed: 2 done, 0 failed again, 0 not settled."`, "no account of the replay")
	b.eventually(`!document.querySelector('tr[data-letter="1"]') && document.querySelector('tr[data-letter="3"]')`, "a letter that is done stays on the page")
	for l := range s.letters.Letters(t.Context()) {
		require.Greater(t, l.ID, uint64(2))
	}
	b.clean()
}

// axe looks for what would keep people with a screen reader or with weak eyes from using the page.
func TestThePageIsAccessible(t *testing.T) {
	b := newTab(t)
	packed, err := os.Open("testdata/axe.min.js.gz")
	require.NoError(t, err)
	defer packed.Close()
	unpacked, err := gzip.NewReader(packed)
	require.NoError(t, err)
	axe, err := io.ReadAll(unpacked)
	require.NoError(t, err)

	s := newShop()
	s.options = []flow.RunOption{flow.Distributions()}
	_, url := s.open(t, live.Controls(s.places), s.dead())
	b.open(url)
	b.eventually(`document.querySelectorAll("#letters-list tbody tr").length > 2`, "no letters")
	ask[chromedp.Void](b, string(axe))
	check := func(t *testing.T) {
		t.Helper()
		found := ask[[]string](b, `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then((r) =>
			r.violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.target.join(" ") + ": " + n.failureSummary)))`)
		require.Empty(t, found)
	}
	for _, dark := range []bool{false, true} {
		for name, width := range map[string]int64{"desktop": 1440, "phone": 390} {
			t.Run(fmt.Sprintf("%s, dark %v", name, dark), func(t *testing.T) {
				b.size(width, 900, dark)
				check(t)
				b.click(`#svg [data-stage="price"]`)
				check(t)
				b.click("#detail header button")
				b.click("#view-table")
				check(t)
				b.click("#view-picture")
			})
		}
	}
}

func TestThePageWorksUnderAnyPrefix(t *testing.T) {
	s := newShop()
	run, _ := s.open(t)
	h := live.Handler(run)
	for name, mount := range map[string]struct {
		pattern, path string
		h             http.Handler
	}{
		"at the root":        {"/", "/", h},
		"below a prefix":     {"/a/b/", "/a/b/", h},
		"with StripPrefix":   {"/ops/", "/ops/", http.StripPrefix("/ops", h)},
		"without last slash": {"/ops", "/ops", http.StripPrefix("/ops", h)},
		"named like a file":  {"/events/", "/events/", h},
	} {
		t.Run(name, func(t *testing.T) {
			mux := http.NewServeMux()
			mux.Handle(mount.pattern, mount.h)
			if !strings.HasSuffix(mount.pattern, "/") {
				mux.Handle(mount.pattern+"/", mount.h)
			}
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
			over := make(chan struct{})
			go func() { _ = server.Serve(listener); close(over) }()
			defer func() { _ = server.Close(); <-over }()
			b := newTab(t)
			b.open("http://" + listener.Addr().String() + mount.path)
			require.Equal(t, "running", b.text("#state"))
			b.clean()
		})
	}
}
