package promflow

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"

	"github.com/weir-go/weir/flow"
)

// distributions makes the histograms of a run that keeps them.
func (s *scrape) distributions(rep *flow.Report) {
	for _, st := range rep.Stages {
		s.histogram("wait_seconds", "How long items waited for the stage.", st.Name, st.Wait, rep.Started)
		s.histogram("work_seconds", "How long the stage worked on an item.", st.Name, st.Work, rep.Started)
		s.histogram("item_age_seconds", "How long ago items had entered the flow when the sink accepted them.", st.Name, st.Age, rep.Started)
	}
}

func (s *scrape) histogram(name, help, stage string, d *flow.Distribution, since time.Time) {
	if d == nil {
		return
	}
	desc := prometheus.NewDesc("weir_"+name, help, ofStage, nil)
	buckets := map[int]int64{}
	for i, n := range d.Buckets() {
		buckets[i] = int64(n)
	}
	native, err := prometheus.NewConstNativeHistogram(desc, d.Count(), d.Sum().Seconds(), buckets, nil, d.Zeros(), flow.Schema, 0, since, s.flow, stage)
	if err != nil {
		s.to <- prometheus.NewInvalidMetric(desc, err)
		return
	}
	s.to <- &both{native, classic(d)}
}

// Classic buckets have the bounds 4^lowest to 4^highest seconds: 1 µs to 256 s.
const lowest, highest = -10, 4

// classic returns the classic buckets of d. They are exact, because their bounds are also bounds of
// d.
func classic(d *flow.Distribution) (buckets []*dto.Bucket) {
	counts := map[int]uint64{} // by power of four
	total := d.Zeros()
	for i, n := range d.Buckets() {
		// Bucket i reaches up to 2^(i/8) = 4^(i/16) seconds.
		power := int(math.Ceil(float64(i) / (2 << flow.Schema)))
		counts[max(power, lowest)] += n
	}
	for p := lowest; p <= highest; p++ {
		total += counts[p]
		buckets = append(buckets, &dto.Bucket{UpperBound: proto.Float64(math.Pow(4, float64(p))), CumulativeCount: proto.Uint64(total)})
	}
	return buckets
}

// both is a native histogram that also has classic buckets, for servers and formats that do not
// know native histograms.
type both struct {
	prometheus.Metric
	classic []*dto.Bucket
}

// Write implements [prometheus.Metric].
func (b *both) Write(to *dto.Metric) error {
	if err := b.Metric.Write(to); err != nil {
		return err
	}
	to.Histogram.Bucket = b.classic
	return nil
}
