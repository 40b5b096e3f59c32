// Package live is a page that shows a run while it works. It shows the graph with the activity
// of each stage, and where backpressure begins. It also has a timeline of the last five
// minutes, the ledger, the layers of sections, the drain, and the dead letters. The package is
// a module of its own and needs nothing but weir: all files of the page are embedded, and none
// is loaded from another server.
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
//   - The mean time inside is the number of items inside, divided by the rate at which they
//     leave (Little's law). If the run keeps [flow.Distributions], the page shows the median
//     and the 99th percentile of ages instead, for items that reached a sink in the last 10
//     seconds. The details of a stage have percentiles of its wait, work and age since the
//     start.
//
// # Cost
//
// A handler takes one snapshot a second, with and without viewers, in one goroutine that the
// run waits for ([flow.Run.Watch]). Items are not slowed. A viewer that is slow, or has gone,
// misses frames and holds up neither the run nor other viewers.
//
// # Safety
//
// The page is for the people who operate the process. It shows names, errors and, if
// [DeadLetters] is set, values. So mount it behind the access control of your other internal
// pages. It changes nothing unless [Controls] or [Letters.Replay] is set. Then a change needs
// a POST from the page itself: a request from another site is refused, and so is a request
// without the token of the page.
package live
