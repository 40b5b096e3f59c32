package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/flow/probe"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/deadletter"
	"github.com/weir-go/weir/stages/sink"
)

// These tests run the program in processes of its own, so they cannot run in a synctest bubble.

// checked looks for goroutines that are left when the tests have run.
type checked struct{ m *testing.M }

func (c checked) Run() int {
	code := c.m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

func TestMain(m *testing.M) {
	testscript.Main(checked{m}, map[string]func(){"weir": main})
}

// order is the value of the letters.
type order struct {
	ID       int    `json:"id"`
	Customer string `json:"customer"`
}

// TestScripts runs the scripts of testdata. Each has dead.jsonl with five letters, $FLOW where a flow
// is shown, and $SHOP where an order is taken unless its customer is Bob.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			shop := httptest.NewServer(http.HandlerFunc(takeOrder))
			env.Defer(shop.Close)
			stop, show, err := startFlow()
			if err != nil {
				return err
			}
			env.Defer(stop)
			env.Setenv("SHOP", shop.URL)
			env.Setenv("FLOW", show)
			return writeLetters(filepath.Join(env.WorkDir, "dead.jsonl"))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"lock": lock},
	})
}

func takeOrder(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if r.Header.Get("Content-Type") != "application/json" || string(body) == "" {
		http.Error(w, "no order", http.StatusBadRequest)
		return
	}
	if string(body) == `{"id":2,"customer":"Bob"}` {
		http.Error(w, "Bob has no credit", http.StatusPaymentRequired)
	}
}

// startFlow starts a flow whose sink is slow, and shows it. Its edges are short, so that something comes
// in between any two looks.
func startFlow() (stop func(), url string, err error) {
	every := stages.SourceFunc[int](func(ctx context.Context, out *stages.Outlet[int]) error {
		for i := 0; ctx.Err() == nil; i++ {
			out.Emit(i)
		}
		return nil
	})
	run, err := flow.From(every, stages.Name("numbers")).Guard(guard.Limit(4)).Map("same", stages.Lift(func(v int) int { return v }), stages.Buffer(8)).
		To(sink.ForEach(func(context.Context, int) error { time.Sleep(2 * time.Millisecond); return nil }), stages.Name("slow"), stages.Buffer(8)).
		Start(context.Background(), flow.Named("numbers"))
	if err != nil {
		return nil, "", err
	}
	server := httptest.NewServer(http.StripPrefix("/flow", probe.Handler(run)))
	return func() {
		run.Abort(errors.New("the test is over"))
		_, _ = run.Wait()
		server.Close()
	}, server.URL + "/flow/", nil
}

func writeLetters(path string) error {
	file, err := deadletter.OpenFile[order](path)
	if err != nil {
		return err
	}
	for i, name := range []string{"Ann", "Bob", "Cat", "Dan", "Eve"} {
		stage := "price"
		if i > 2 {
			stage = "ship"
		}
		e := &stages.ItemError{Stage: stage, Err: fmt.Errorf("answer %d\nto %s", 500+i, name), Value: order{i + 1, name}, Attempts: i + 1, Replays: i / 2}
		if err := file.Put(context.Background(), e); err != nil {
			return err
		}
	}
	return file.Close()
}

// lock has the file open, as a worker has, until the script ends.
func lock(ts *testscript.TestScript, _ bool, args []string) {
	file, err := deadletter.OpenFile[order](ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Defer(func() { _ = file.Close() })
}

func TestShortIsOneLine(t *testing.T) {
	require.Equal(t, "a b c", short("a\nb\tc", 5))
	require.Equal(t, "äö…", short("äöüß", 3))
	// A cause is a text of others. On a terminal it could move the cursor, and in the table begin a line.
	require.Equal(t, " [2J  a b", short("\x1b[2J\r\va\fb", 9))
}
