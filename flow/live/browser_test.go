package live_test

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// These tests use a real browser and real time, so they cannot run in a synctest bubble.

func TestMain(m *testing.M) {
	code := m.Run()
	closeBrowser()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			_, _ = os.Stderr.WriteString(err.Error() + "\n")
			code = 1
		}
	}
	os.Exit(code)
}

var closeBrowser = func() {}

// browser starts the browser that all tests share.
var browser = sync.OnceValues(func() (context.Context, error) {
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		return nil, exec.ErrNotFound
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Flag("hide-scrollbars", true))
	allocated, release := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, cancel := chromedp.NewContext(allocated)
	closeBrowser = func() {
		_ = chromedp.Cancel(ctx)
		cancel()
		release()
	}
	return ctx, chromedp.Do(ctx, chromedp.Navigate("about:blank"))
})

// tab is a page in the browser.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu     sync.Mutex
	faults []string // Guarded by: mu. What the console has complained of
}

// newTab opens a tab, which is closed with the test. Without a browser the test is skipped,
// unless WEIR_NEED_BROWSER is set.
func newTab(t *testing.T) *tab {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser takes its time")
	}
	shared, err := browser()
	if err != nil && os.Getenv("WEIR_NEED_BROWSER") == "" {
		t.Skipf("no browser: %v", err)
	}
	require.NoError(t, err, "WEIR_NEED_BROWSER is set")
	ctx, cancel := chromedp.NewContext(shared)
	b := &tab{t: t, ctx: ctx}
	var reader sync.WaitGroup
	messages := chromedp.Console(ctx)
	reader.Go(func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.IsException() || m.Type == "error" || m.Type == "warning" {
				b.mu.Lock()
				b.faults = append(b.faults, m.String()+" "+m.URL)
				b.mu.Unlock()
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		reader.Wait()
	})
	return b
}

// do runs actions, within a minute: the machine may be busy.
func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	require.NoError(b.t, chromedp.Do(ctx, actions...))
}

// ask returns the value of an expression of the page, or of a promise.
func ask[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	require.NoError(b.t, err, expression)
	return v
}

// size sets the size of the window, and whether it is dark.
func (b *tab) size(width, height int64, dark bool) {
	b.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}
	b.do(chromedp.EmulateViewport(width, height), chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
		return err
	}))
}

// open loads a page and waits for its first frame.
func (b *tab) open(url string) {
	b.t.Helper()
	b.do(chromedp.Navigate(url))
	b.eventually(`document.querySelector("#svg .node .rate")?.textContent`, "the page has no frame")
}

// text returns the text of an element.
func (b *tab) text(selector string) string {
	b.t.Helper()
	return ask[string](b, `document.querySelector(`+quote(selector)+`)?.textContent ?? "(none)"`)
}

// click clicks an element, wherever it is.
func (b *tab) click(selector string) {
	b.t.Helper()
	ask[bool](b, `document.querySelector(`+quote(selector)+`).dispatchEvent(new MouseEvent("click", {bubbles: true}))`)
}

// eventually waits until an expression of the page is true.
func (b *tab) eventually(expression, why string) {
	b.t.Helper()
	for begun := time.Now(); !ask[bool](b, "!!("+expression+")"); time.Sleep(50 * time.Millisecond) {
		require.Less(b.t, time.Since(begun), time.Minute, why)
	}
}

// quote returns text as a string of JavaScript.
func quote(text string) string { return strconv.Quote(text) }

// clean fails the test if the console has complained.
func (b *tab) clean() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Empty(b.t, b.faults)
}
