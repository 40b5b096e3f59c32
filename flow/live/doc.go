// Package live is a page that shows a run while it works: the graph with what each stage does,
// where backpressure begins, a timeline of the last five minutes, the ledger, the layers of
// sections, the drain, and the dead letters. It is a module of its own and needs nothing but
// weir: all files of the page are embedded, and none comes from elsewhere.
//
//	run, err := graph.Start(ctx)
//	...
//	mux.Handle("/live/", live.Handler(run))
//
// # Words
//
//   - A frame is what the page shows at one moment. It is computed from snapshots of the run
//     that are a second apart: rates from two of them, shares of time over three seconds.
//   - A viewer is a browser that has the page open. All viewers share each frame.
//   - A stage is busy while its workers are in its function, waiting while its inlet is
//     empty, and held back while the edge below it is full. Backpressure begins at the stage
//     whose inlet is full and that is not held back itself.
//   - The mean time inside is the number of items inside by the rate at which they leave
//     (Little's law). If the run keeps [flow.Distributions], the page shows the ages of the items
//     that reached a sink in the last ten seconds in its place: the median and the 99th percentile.
//     The details of a stage have percentiles of its wait, work and age since the start.
//
// # Cost
//
// A handler takes one snapshot a second, with and without viewers, in one goroutine that is
// watched by the run ([flow.Run.Watch]). Items are not slowed. A viewer that is slow, or has
// gone, misses frames and holds up neither the run nor other viewers.
//
// # Safety
//
// The page is for the people who operate the process. It shows names, errors and, if
// [DeadLetters] is set, values: mount it behind what protects your other pages of that kind.
// It changes nothing unless [Controls] is set or [Letters.Replay] is. Then a change needs a
// POST from the page itself: a request from another site is refused, and so is one without
// the token of the page.
package live
