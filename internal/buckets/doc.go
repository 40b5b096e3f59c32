// Package buckets counts durations in buckets of a fixed, exponential layout: that of
// Prometheus' native histograms with schema 3, which is that of OpenTelemetry's exponential
// histograms with scale 3. Eight buckets double the duration, so each is 9 % wide, and a
// quantile is off by 4.5 % at most.
//
//   - Prometheus: https://prometheus.io/docs/specs/native_histograms/#schema
//   - OpenTelemetry: https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram
//
// The buckets are in seconds and lead from a nanosecond to 4.5 hours. What is longer is in the
// last one. To find the bucket of a duration takes a table of 16 linear steps for each power of
// two and one comparison, about 2 ns.
package buckets
