// Package buckets counts durations in buckets of a fixed, exponential layout. The layout is that of
// Prometheus' native histograms with schema 3, and of OpenTelemetry's exponential histograms with
// scale 3. The bounds double every eight buckets. So a bucket is 9 % wide, and a quantile is off by
// 4.5 % at most.
//
//   - Prometheus: https://prometheus.io/docs/specs/native_histograms/#schema
//   - OpenTelemetry:
//     https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram
//
// The bounds are in seconds, from a nanosecond to 4.5 hours. The last bucket also counts longer
// durations. [Index] finds the bucket of a duration in about 2 ns. It looks into a table of 16
// linear steps for each power of two, and makes one comparison.
package buckets
