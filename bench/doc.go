// Package bench measures weir beside what an engineer would use in its place, doing
// the same work in the same run. There is one benchmark for each question. It has
// one sub-benchmark for each implementation, whose name ends in impl=NAME. Tests
// check that all of them deliver the same items.
//
//	cd bench
//	go test -run xxx -bench . -cpu 2 -count 5 -timeout 2h . | tee new.txt
//	go run ./compile | tee compile.txt
//	go run ./ratio new.txt compile.txt
//	go run ./ratio -bars -first old.txt new.txt compile.txt
//
// The first table has all figures, the second what weir must reach. old.txt is
// the output of the same benchmarks in a worktree of another version.
//
// The figure to compare is cpu-ns/op: the processor time of the whole process,
// user and system, for each item or call. It counts all goroutines and the
// garbage collector, and waiting costs none. ns/op is the time that has passed.
//
// The implementations:
//
//   - weir is the default: timings on, order kept. weir-untimed is a run with
//     [github.com/weir-go/weir/flow.Untimed].
//   - channels is what a careful engineer writes by hand: goroutines, channels
//     of 128, a context in every select, errors passed along. chunks sends
//     slices of up to 64 items instead, and uses them again. slots1 and slots16
//     are ordered workers over recycled slots of 1 and of 16 items.
//   - hand is a call with a limit, shared flights, a breaker and tries, all written
//     by hand. libraries and failsafe compose the same from libraries, and
//     primitives from weir's primitives without layers.
//   - loop is plain function calls in one goroutine and ideal the same in
//     several: the floor, below which there is nothing to save.
//   - rill, gostreams, ro, conc, errgroup and failsafe are the libraries of the
//     field, each used as its documentation says.
//   - A name that ends in -free does not keep the order.
//
// The code of the implementations is in internal: weir has those with weir's flows,
// byhand those written by hand, and peers those with libraries. work is the work
// that all of them do.
package bench
