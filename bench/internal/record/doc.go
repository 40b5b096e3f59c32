// Package record keeps the figures of benchmarks and shows their medians side
// by side.
package record
