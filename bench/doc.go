// Package bench measures weir beside what an engineer would use in its place,
// doing the same work in the same run: one benchmark for each question, and in
// it one sub-benchmark for each implementation, named impl=NAME. A test checks
// that all of them deliver the same items.
//
//	cd bench
//	go test -run xxx -bench . -cpu 1,2 -count 5 . | tee new.txt
//	go run ./ratio <new.txt
//	go run golang.org/x/perf/cmd/benchstat@latest -col /impl new.txt
//
// The implementations:
//
//   - weir is the default: timings on, order kept. weir-untimed is a run with
//     [github.com/weir-go/weir/flow.Untimed].
//   - channels is what a careful engineer writes by hand: goroutines, channels
//     of 128, a context in every select, errors passed along.
//   - loop is plain function calls in one goroutine: the floor, below which
//     there is nothing to save.
//   - rill, gostreams, ro, conc and failsafe are the libraries of the field,
//     each used as its documentation says.
//
// What the peers leave out is left out in their favour: go-streams has neither
// contexts nor errors in a stage, rill has no contexts, ro runs in the caller's
// goroutine, and none of them takes timings.
package bench
