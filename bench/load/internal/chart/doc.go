// Package chart draws the results as SVG: the latencies as percentile curves,
// and the successes over time through the outage, with a panel for each load.
package chart
