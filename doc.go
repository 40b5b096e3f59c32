// Package weir is the root of a streaming dataflow framework with resilience
// built in. There is nothing to import here; the floors, from the ground up:
//
//   - primitives: guard, dedup, breaker, retry, limiter, and the outcome they share;
//     each around any function, with the standard library alone. stack puts all of
//     them around a function, and store shares state between processes.
//   - stages: the contracts, and the goroutine stages, with the primitives as
//     layers of sections.
//   - flow: Graph, Stream and Section, the fluent builder; run, drain, report.
//     flow/flowtest is the kit for their tests.
//   - examples and bench: modules of their own.
//
// Imports point down only.
package weir
