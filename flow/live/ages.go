package live

import "github.com/weir-go/weir/flow"

// percentiles returns the median and the 99th percentile of the ages of the items that left during
// the kept snapshots. Both are nil if none left. The caller holds mu.
func (p *pulse) percentiles(now *flow.Distribution) (p50, p99 *float64) {
	if now == nil {
		return nil, nil
	}
	if p.ages = append(p.ages, *now); len(p.ages) > averaged {
		p.ages = p.ages[1:]
	}
	left := now.Minus(p.ages[0])
	if left.Count() == 0 {
		return nil, nil
	}
	median, high := left.Quantile(0.5).Seconds(), left.Quantile(0.99).Seconds()
	return &median, &high
}
