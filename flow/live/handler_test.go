package live_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/flow/live"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/stages/deadletter"
)

func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	r, err := http.Get(url)
	require.NoError(t, err)
	defer http.DefaultClient.CloseIdleConnections()
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return r, string(body)
}

var tokenIn = regexp.MustCompile(`name="weir-token" content="([^"]+)"`)

// send sends an order as the page does, changed by with.
func send(t *testing.T, url, path, order string, with func(*http.Request)) (int, string) {
	t.Helper()
	_, page := get(t, url)
	r, err := http.NewRequest(http.MethodPost, url+path, strings.NewReader(order))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Weir-Token", tokenIn.FindStringSubmatch(page)[1])
	r.Header.Set("Origin", url[:strings.Index(url, "/ops/")])
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if with != nil {
		with(r)
	}
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(body)
}

const pause = `{"action":"pause","name":"orders"}`

func TestAChangeNeedsThePageItself(t *testing.T) {
	s := newShop()
	run, url := s.open(t, live.Controls(s.places), s.dead())
	paused := func() bool { stage, _ := run.Snapshot().Stage("orders"); return stage.Paused }
	for name, tt := range map[string]struct {
		with   func(*http.Request)
		status int
	}{
		"no token":       {func(r *http.Request) { r.Header.Del("X-Weir-Token") }, http.StatusForbidden},
		"a wrong token":  {func(r *http.Request) { r.Header.Set("X-Weir-Token", "guess") }, http.StatusForbidden},
		"another site":   {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, http.StatusForbidden},
		"another origin": {func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "https://evil.example") }, http.StatusForbidden},
		"a form":         {func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, http.StatusUnsupportedMediaType},
		"not by POST":    {func(r *http.Request) { r.Method = http.MethodPut }, http.StatusMethodNotAllowed},
		"a body without end": {func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader(`{"name":"` + strings.Repeat("x", 1<<20)))
			r.ContentLength = -1
		}, http.StatusBadRequest},
	} {
		for _, path := range []string{"control", "letters/replay"} {
			t.Run(name+" to "+path, func(t *testing.T) {
				status, _ := send(t, url, path, pause, tt.with)
				require.Equal(t, tt.status, status)
				require.False(t, paused())
			})
		}
	}
	status, body := send(t, url, "control", pause, nil)
	require.Equal(t, http.StatusOK, status, body)
	require.True(t, paused(), "the same request from the page itself pauses")
}

func TestWhatIsNotAllowedIsRefused(t *testing.T) {
	s := newShop()
	run, url := s.open(t)
	for path, order := range map[string]string{"control": pause, "letters/replay": `{"ids":[1]}`} {
		status, body := send(t, url, path, order, nil)
		require.Equal(t, http.StatusForbidden, status, body)
	}
	stage, _ := run.Snapshot().Stage("orders")
	require.False(t, stage.Paused)
	r, _ := get(t, url+"letters.json")
	require.Equal(t, http.StatusNotFound, r.StatusCode)
}

func TestWrongOrdersAreExplained(t *testing.T) {
	s := newShop()
	_, url := s.open(t, live.Controls(s.places, guard.Of(guard.Limit(3))), s.dead())
	for order, want := range map[string]string{
		`{"action":"pause","name":"nobody"}`:           `the graph has no stage`,
		`{"action":"pause","name":"price"}`:            `only a source can be paused`,
		`{"action":"workers","name":"price","n":0}`:    `workers must be at least 1`,
		`{"action":"capacity","name":"other","n":3}`:   `its capacity cannot be set from this page`,
		`{"action":"capacity","name":"prices","n":-1}`: `guard`,
		`{"action":"explode"}`:                         `unknown action`,
		`{`:                                            `unexpected EOF`,
	} {
		status, body := send(t, url, "control", order, nil)
		require.Equal(t, http.StatusBadRequest, status, order)
		require.Contains(t, body, want)
	}
	for ids, want := range map[string]string{"[]": "no letter was chosen", "[" + strings.Repeat("1,", 1000) + "1]": "at most 1000 letters"} {
		status, body := send(t, url, "letters/replay", `{"ids":`+ids+`}`, nil)
		require.Equal(t, http.StatusBadRequest, status)
		require.Contains(t, body, want)
	}
}

func TestThePageTakesNothingFromElsewhere(t *testing.T) {
	s := newShop()
	_, url := s.open(t)
	r, page := get(t, url)
	policy := r.Header.Get("Content-Security-Policy")
	require.Contains(t, policy, "default-src 'self'")
	require.NotContains(t, policy, "unsafe")
	require.Equal(t, "no-store", r.Header.Get("Cache-Control"))
	require.NotRegexp(t, `(src|href)="(https?:)?/`, page, "links are relative")
	require.NotRegexp(t, `<script>|<style|style="|onclick=`, page, "nothing is inline")

	r, _ = get(t, url+"page.js")
	require.Contains(t, r.Header.Get("Content-Type"), "javascript")
	again, err := http.NewRequest(http.MethodGet, url+"page.js", nil)
	require.NoError(t, err)
	again.Header.Set("If-None-Match", r.Header.Get("ETag"))
	same, err := http.DefaultClient.Do(again)
	require.NoError(t, err)
	require.NoError(t, same.Body.Close())
	require.Equal(t, http.StatusNotModified, same.StatusCode)

	r, _ = get(t, url+"index.html")
	require.Equal(t, http.StatusNotFound, r.StatusCode, "the template is no file of the page")
	post, err := http.Post(url+"page.js", "text/plain", nil)
	require.NoError(t, err)
	require.NoError(t, post.Body.Close())
	require.Equal(t, http.StatusMethodNotAllowed, post.StatusCode)
}

func TestTheSnapshotAndThePicturesAreThere(t *testing.T) {
	s := newShop()
	_, url := s.open(t)
	_, body := get(t, url+"snapshot.json")
	var status flow.Status
	require.NoError(t, json.Unmarshal([]byte(body), &status))
	require.Equal(t, "shop", status.Flow)
	_, body = get(t, url+"graph.mmd")
	require.True(t, strings.HasPrefix(body, "flowchart LR"), body)
	_, body = get(t, url+"graph.dot")
	require.True(t, strings.HasPrefix(body, "digraph"), body)
}

// A letter shows what the hooks let through, also if its error quotes the value.
func TestLettersAreRedacted(t *testing.T) {
	s := newShop()
	s.broken = func(o order) bool { return true }
	_, url := s.open(t, live.DeadLetters(live.Letters[order]{
		Store:  &s.letters,
		Show:   func(l deadletter.Letter[order]) string { return strings.Repeat("x", 9000) },
		Redact: func(l deadletter.Letter[order]) string { return "prices failed" },
	}))
	require.Eventually(t, func() bool { return s.letters.Len() > 0 }, waitFor, tick)
	_, body := get(t, url+"letters.json")
	var all struct {
		Letters []struct{ Value, Cause string }
	}
	require.NoError(t, json.Unmarshal([]byte(body), &all))
	require.Equal(t, strings.Repeat("x", 4096)+"…", all.Letters[0].Value)
	require.Equal(t, "prices failed", all.Letters[0].Cause)
	status, _ := send(t, url, "letters/replay", `{"ids":[1]}`, nil)
	require.Equal(t, http.StatusForbidden, status, "no replay without a function for it")
}

func TestOneReplayRunsAtATime(t *testing.T) {
	s := newShop()
	s.broken = func(o order) bool { return true }
	begun, gate := make(chan struct{}), make(chan struct{})
	_, url := s.open(t, live.DeadLetters(live.Letters[order]{
		Store: &s.letters,
		Replay: func(context.Context, *deadletter.Replay[order]) error {
			close(begun)
			<-gate
			return errors.New("no luck")
		},
	}))
	over := make(chan string)
	go func() {
		_, body := send(t, url, "letters/replay", `{"ids":[1]}`, nil)
		over <- body
	}()
	<-begun
	status, _ := send(t, url, "letters/replay", `{"ids":[1]}`, nil)
	close(gate)
	require.Equal(t, http.StatusConflict, status)
	require.Contains(t, <-over, "replay: no luck")
}

// The events are a hello, frames, and an end.
func TestTheEventsOfARun(t *testing.T) {
	s := newShop()
	run, url := s.open(t, live.Title("Shop <1>"), live.Controls(s.places))
	r, err := http.Get(url + "events")
	require.NoError(t, err)
	defer r.Body.Close()
	require.Equal(t, "text/event-stream", r.Header.Get("Content-Type"))
	lines := bufio.NewReader(r.Body)
	next := func() (kind string, data string) {
		var parts [3]string
		for i := range parts {
			parts[i], err = lines.ReadString('\n')
			require.NoError(t, err)
		}
		require.Equal(t, "\n", parts[2])
		return strings.TrimSpace(parts[0]), parts[1]
	}
	kind, data := next()
	require.Equal(t, "event: hello", kind)
	require.Contains(t, data, `"title":"Shop \u003c1\u003e"`)
	require.Contains(t, data, `"controls":true,"guards":["prices"],"letters":false,"replay":false`)
	kind, _ = next()
	require.Equal(t, "event: frame", kind)
	run.Abort(errors.New("enough"))
	for kind != "event: over" {
		kind, data = next()
	}
	require.Equal(t, "data: {}\n", data)
	_, err = lines.ReadByte()
	require.ErrorIs(t, err, io.EOF, "the server lets go, so that it can shut down")
	_, page := get(t, url)
	require.Contains(t, page, "<title>Shop &lt;1&gt; · weir</title>")
}

// The files of others are those of their packages: what the table says.
func TestVendoredFilesAreWhatTheyWere(t *testing.T) {
	table, err := os.ReadFile("static/vendor/README.md")
	require.NoError(t, err)
	files, err := filepath.Glob("static/vendor/*.min.*")
	require.NoError(t, err)
	require.Len(t, files, 3)
	for _, file := range files {
		body, err := os.ReadFile(file)
		require.NoError(t, err)
		sum := sha256.Sum256(body)
		row := fmt.Sprintf(`(?m)^\| %s \|.*\| %s \|$`, regexp.QuoteMeta(filepath.Base(file)), hex.EncodeToString(sum[:]))
		require.Regexp(t, row, string(table))
		licence, err := os.ReadFile(strings.SplitN(file, ".", 2)[0] + ".LICENSE")
		require.NoError(t, err)
		require.True(t, bytes.Contains(licence, []byte("Permission is hereby granted")))
	}
}
