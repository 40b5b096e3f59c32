package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/weir-go/weir/stages/deadletter"
)

// pageSize is how many letters the page lists at a time, maxShown how many bytes of a value it
// shows, and maxReplay how many letters are replayed at a time.
const (
	pageSize  = 100
	maxShown  = 4 << 10
	maxReplay = 1000
)

// Letters is what the page knows of dead letters. Only Store is needed.
type Letters[T any] struct {
	// Store has the letters. The page lists them oldest first, 100 at a time.
	Store deadletter.Store[T]
	// Show returns the value of a letter as the viewers may see it, without secrets. If it is
	// nil, the value is shown as JSON. A text longer than 4 KiB is cut.
	Show func(deadletter.Letter[T]) string
	// Redact returns the cause of a letter as the viewers may see it: an error may quote the
	// value. If it is nil, the cause is shown.
	Redact func(deadletter.Letter[T]) string
	// Replay runs a flow that begins with the source, and returns when it has ended. If it is
	// nil, the page cannot replay. The context ends if the viewer closes the page: letters that
	// are inside then stay in the store. One replay runs at a time, of at most 1000 letters.
	Replay func(context.Context, *deadletter.Replay[T]) error
}

// DeadLetters lets the page show dead letters: value, cause, attempts and times; and replay a
// selection of them if [Letters.Replay] is set.
//
//	live.DeadLetters(live.Letters[Job]{
//		Store: letters,
//		Show:  func(l deadletter.Letter[Job]) string { return l.Value.ID },
//		Replay: func(ctx context.Context, jobs *deadletter.Replay[Job]) error {
//			_, err := work(flow.From(jobs)).Run(ctx)
//			return err
//		},
//	})
func DeadLetters[T any](l Letters[T]) Option {
	return func(p *page) {
		if l.Store != nil {
			p.letters = &letterBox[T]{Letters: l}
		}
	}
}

// box is a [letterBox] of any type.
type box interface {
	list(ctx context.Context, after uint64) (letterPage, error)
	replay(ctx context.Context, ids []uint64) (deadletter.Report, error)
	replays() bool
}

// letterPage is a part of the letters.
type letterPage struct {
	Letters []letterView `json:"letters"`
	More    bool         `json:"more"`
}

// letterView is a letter as the viewers see it.
type letterView struct {
	ID       uint64 `json:"id"`
	Value    string `json:"value"`
	Stage    string `json:"stage"`
	Cause    string `json:"cause"`
	Attempts int    `json:"attempts"`
	Replays  int    `json:"replays"`
	Entered  int64  `json:"entered"` // Unix milliseconds; 0 if it is not known
	Failed   int64  `json:"failed"`
}

type letterBox[T any] struct {
	Letters[T]
	replaying sync.Mutex
}

func (b *letterBox[T]) replays() bool { return b.Letters.Replay != nil }

// list returns the letters with numbers greater than after, including letters whose values cannot
// be read.
func (b *letterBox[T]) list(ctx context.Context, after uint64) (letterPage, error) {
	all := letterPage{Letters: []letterView{}}
	for l, err := range b.Store.Letters(ctx) {
		if err != nil && l.ID == 0 {
			return all, err
		}
		if l.ID <= after {
			continue
		}
		if len(all.Letters) == pageSize {
			all.More = true
			break
		}
		all.Letters = append(all.Letters, b.view(l, err))
	}
	return all, nil
}

func (b *letterBox[T]) view(l deadletter.Letter[T], unread error) letterView {
	v := letterView{
		ID: l.ID, Stage: l.Stage, Cause: l.Cause, Attempts: l.Attempts, Replays: l.Replays,
		Entered: millis(l.Entered), Failed: millis(l.Failed),
	}
	switch {
	case unread != nil:
		v.Value = "cannot be read: " + unread.Error()
	case b.Show != nil:
		v.Value = b.Show(l)
	default:
		text, err := json.Marshal(l.Value)
		if err != nil {
			text = []byte(err.Error())
		}
		v.Value = string(text)
	}
	if b.Redact != nil {
		v.Cause = b.Redact(l)
	}
	v.Value, v.Cause = cut(v.Value), cut(v.Cause)
	return v
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func cut(text string) string {
	if len(text) <= maxShown {
		return text
	}
	return text[:maxShown] + "…"
}

var errReplaying = fault{http.StatusConflict, errors.New("letters are being replayed already")}

func (b *letterBox[T]) replay(ctx context.Context, ids []uint64) (deadletter.Report, error) {
	if !b.replaying.TryLock() {
		return deadletter.Report{}, errReplaying
	}
	defer b.replaying.Unlock()
	chosen := make(map[uint64]bool, len(ids))
	for _, id := range ids {
		chosen[id] = true
	}
	r := &deadletter.Replay[T]{Store: b.Store, Where: func(l deadletter.Letter[T]) bool { return chosen[l.ID] }}
	err := b.Letters.Replay(ctx, r)
	return r.Report(), err
}

// listLetters answers with the letters after the one that the query names.
func (p *page) listLetters(w http.ResponseWriter, r *http.Request) {
	if !reads(w, r) {
		return
	}
	if p.letters == nil {
		reply(w, http.StatusNotFound, map[string]string{"error": errNotHere.Error()})
		return
	}
	after, _ := strconv.ParseUint(r.URL.Query().Get("after"), 10, 64)
	all, err := p.letters.list(r.Context(), after)
	if err != nil {
		reply(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
		return
	}
	reply(w, http.StatusOK, all)
}

// replayLetters replays the letters that a viewer has chosen.
func (p *page) replayLetters(r *http.Request, o order) (any, error) {
	switch {
	case p.letters == nil || !p.letters.replays():
		return nil, fault{http.StatusForbidden, errors.New("letters cannot be replayed from this page")}
	case len(o.IDs) == 0:
		return nil, errors.New("no letter was chosen")
	case len(o.IDs) > maxReplay:
		return nil, fmt.Errorf("at most %d letters are replayed at a time", maxReplay)
	}
	report, err := p.letters.replay(r.Context(), o.IDs)
	switch {
	case errors.Is(err, errReplaying):
		return nil, err
	case err != nil:
		return nil, fault{http.StatusInternalServerError, fmt.Errorf("replay: %w", err)}
	}
	return map[string]int64{
		"replayed": report.Replayed, "done": report.Done, "failed": report.Failed, "unsettled": report.Unsettled,
	}, nil
}
