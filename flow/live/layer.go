package live

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weir-go/weir/flow"
)

// layerFrame is a layer of a section in a [frame].
type layerFrame struct {
	Kind  string   `json:"kind"`
	Name  string   `json:"name"`
	State string   `json:"state,omitempty"`
	Text  string   `json:"text"`            // its figures in a few words
	Short string   `json:"short"`           // the one figure that counts
	Use   *float64 `json:"use,omitempty"`   // of a capacity, from 0 to 100; nil if it has none
	Level string   `json:"level,omitempty"` // warn or bad if it needs attention
	Limit int      `json:"limit,omitempty"` // the capacity of a guard
}

// layerOf describes what two snapshots of a layer show.
func layerOf(before, now flow.LayerStatus) layerFrame {
	l := layerFrame{Kind: now.Kind, Name: now.Name, State: now.State}
	f := figures{before.Figures, now.Figures}
	switch now.Kind {
	case "guard":
		l.guard(f)
	case "breaker":
		l.breaker(f)
	case "retry":
		l.retry(f)
	case "dedup":
		l.dedup(f)
	case "limiter":
		l.limiter(f)
	default:
		l.other(now.Figures)
	}
	return l
}

// figures has the figures of two snapshots.
type figures struct{ before, now map[string]float64 }

func (f figures) n(name string) int64 { return int64(f.now[name]) }

// grew returns the growth of a counter.
func (f figures) grew(name string) int64 { return int64(f.now[name] - f.before[name]) }

func (l *layerFrame) guard(f figures) {
	use, capacity := f.n("in_use"), f.n("capacity")
	l.Short = fmt.Sprintf("%d/%d", use, capacity)
	l.Text = fmt.Sprintf("%d of %d in use, %d waiting, %d shed", use, capacity, f.n("waiting"), f.n("shed_total"))
	l.Limit = int(capacity)
	if capacity > 0 {
		share := tenth(min(100, 100*float64(use)/float64(capacity)))
		l.Use = &share
	}
	if f.n("waiting") > 0 || use >= capacity {
		l.Level = "warn"
	}
	if f.grew("shed_total") > 0 && f.before != nil {
		l.Level = "bad"
	}
}

func (l *layerFrame) breaker(f figures) {
	l.Short = l.State
	l.Text = fmt.Sprintf("%s, %s in a row, %d rejected", l.State, count(f.n("failures"), "failure"), f.n("rejected_total"))
	if after := f.now["retry_after_seconds"]; after > 0 {
		l.Text += ", next probe in " + (time.Duration(after*1e3) * time.Millisecond).Round(100*time.Millisecond).String()
	}
	switch l.State {
	case "open":
		l.Level = "bad"
	case "half-open":
		l.Level = "warn"
	}
}

func (l *layerFrame) retry(f figures) {
	asleep := f.n("asleep")
	l.Short = fmt.Sprintf("%d asleep", asleep)
	l.Text = fmt.Sprintf("%d asleep, %s, %d given up", asleep, plural(f.n("retries_total"), "retry", "retries"), f.n("gave_up_total"))
	if asleep > 0 {
		l.Level = "warn"
	}
	if f.grew("gave_up_total") > 0 && f.before != nil {
		l.Level, l.Short = "bad", "gave up"
	}
}

func (l *layerFrame) dedup(f figures) {
	found, led := f.n("hits_total")+f.n("shared_total"), f.n("misses_total")
	share := 0.0
	if found+led > 0 {
		share = 100 * float64(found) / float64(found+led)
	}
	l.Short = fmt.Sprintf("%.0f%% hits", share)
	l.Text = fmt.Sprintf("%d shared a call, %d found a result, %d led, %d kept", f.n("shared_total"), f.n("hits_total"), led, f.n("cached"))
}

func (l *layerFrame) limiter(f figures) {
	l.Short = strconv.FormatFloat(tenth(f.now["units_per_second"]), 'f', -1, 64) + "/s"
	l.Text = fmt.Sprintf("%s, %d available, %d waiting, %d refused", l.Short, f.n("available"), f.n("waiting"), f.n("refused_total"))
	if f.n("waiting") > 0 {
		l.Level = "warn"
	}
	if f.now["paused_seconds"] > 0 {
		l.Level, l.Text = "bad", l.Text+", paused by a throttled call"
	}
}

// other shows all figures of a layer of an unknown kind.
func (l *layerFrame) other(all map[string]float64) {
	var parts []string
	for name, v := range all {
		parts = append(parts, strings.ReplaceAll(name, "_", " ")+" "+strconv.FormatFloat(v, 'g', 4, 64))
	}
	slices.Sort(parts)
	l.Text = strings.Join(parts, ", ")
}

func count(n int64, one string) string { return plural(n, one, one+"s") }

func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
