// Package weir is all that the benchmarks use of weir's flows, one topic per
// file.
package weir
