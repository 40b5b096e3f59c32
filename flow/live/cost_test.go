//go:build unix

package live_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/flow/live"
	"github.com/weir-go/weir/stages/sink"
)

// watchFor makes the test binary a process of 50 viewers, so that their cost is not the run's.
const watchFor = "WEIR_COST_VIEWERS_OF"

func init() {
	if url := os.Getenv(watchFor); url != "" {
		view(url)
		os.Exit(0)
	}
}

// view has 50 viewers read the events until their process is ended.
func view(url string) {
	var viewers sync.WaitGroup
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 0}}
	for range 50 {
		viewers.Go(func() {
			r, err := client.Get(url + "events")
			if err != nil {
				fmt.Println(err)
				return
			}
			defer r.Body.Close()
			lines := bufio.NewReaderSize(r.Body, 1<<20)
			for frames := 0; ; {
				line, err := lines.ReadSlice('\n')
				if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
					return
				}
				if strings.HasPrefix(string(line), "event: frame") {
					if frames++; frames == 2 {
						fmt.Println("watching")
					}
				}
			}
		})
	}
	viewers.Wait()
}

// long starts a flow of 200 stages that has next to nothing to do.
func long(t *testing.T) *flow.Run {
	t.Helper()
	s := flow.From(endless).Map("map-0", func(_ context.Context, v int) (int, error) { time.Sleep(100 * time.Millisecond); return v, nil })
	for i := range 197 {
		s = s.Map(fmt.Sprintf("map-%d", i+1), func(_ context.Context, v int) (int, error) { return v, nil })
	}
	run, err := s.To(sink.ForEach(func(context.Context, int) error { return nil })).Start(context.Background())
	require.NoError(t, err)
	require.Len(t, run.Snapshot().Stages, 200)
	return run
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestCost measures what a page costs the process of a run: WEIR_COST=1 go test -run Cost -v. Real
// time and real connections are what is measured.
func TestCost(t *testing.T) {
	if os.Getenv("WEIR_COST") == "" {
		t.Skip("WEIR_COST is not set")
	}
	const span = 20 * time.Second
	run := long(t)
	spent := func() float64 {
		before := processorTime()
		time.Sleep(span)
		return 100 * float64(processorTime()-before) / float64(span)
	}
	alone := spent()
	url := serve(t, live.Handler(run))
	withPage := spent()
	viewers := exec.CommandContext(t.Context(), os.Args[0])
	viewers.Env = append(os.Environ(), watchFor+"="+url)
	out, err := viewers.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, viewers.Start())
	lines := bufio.NewScanner(out)
	for range 50 {
		require.True(t, lines.Scan())
		require.Equal(t, "watching", lines.Text())
	}
	withViewers := spent()
	require.NoError(t, viewers.Process.Kill())
	_ = viewers.Wait()
	run.Abort(errors.New("the test is over"))
	_, _ = run.Wait()
	t.Logf("of a core: %.2f %% the run alone, %.2f %% more with a page, %.2f %% more with 50 viewers", alone, withPage-alone, withViewers-alone)
	require.Less(t, withViewers-alone, 1.0)
}
