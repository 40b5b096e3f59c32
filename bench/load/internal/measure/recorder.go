package measure

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/weir-go/weir/bench/load/internal/job"
)

// Recorder takes down what becomes of the arrivals. Its memory is bounded by the
// length of the run and does not grow with the load, so that it is no part of
// what is measured. It is safe for concurrent use.
type Recorder struct {
	begin time.Time
	width time.Duration // of a bin

	mu      sync.Mutex
	latency *hdrhistogram.Histogram // of the successes, in microseconds
	fates   [job.Fates]int64
	bins    []int32 // successes, by when they came
	ids     int64   // sum of the IDs seen
	wrong   int64   // answers to another question
}

// NewRecorder returns a recorder of a run that begins now and takes d, with
// successes counted in bins of the given width.
func NewRecorder(d, width time.Duration) *Recorder {
	return &Recorder{
		begin: time.Now(), width: width,
		latency: hdrhistogram.New(1, time.Minute.Microseconds(), 3),
		bins:    make([]int32, (d+drain)/width+1),
	}
}

// drain is how long after the last arrival answers are still counted in bins.
const drain = 2 * time.Second

// Begin returns when the run began.
func (r *Recorder) Begin() time.Time { return r.begin }

// Done takes down the fate of an arrival, which has just been decided.
func (r *Recorder) Done(a job.Arrival, answer job.Answer, fate job.Fate) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fates[fate]++
	r.ids += a.ID
	if fate != job.Succeeded {
		return
	}
	if answer.Key != a.Key {
		r.wrong++
	}
	_ = r.latency.RecordValue(min(now.Sub(a.Due), time.Minute).Microseconds())
	bin := int(now.Sub(r.begin) / r.width)
	r.bins[min(bin, len(r.bins)-1)]++
}
