// Package flowtest has tools for tests of flows, and of stages, sources, sinks and
// layers of your own.
//
// # For tests of a flow
//
//   - [Source] follows a script: items, pauses, signals, errors, with
//     acknowledgements on record.
//   - [Probe] is a sink that takes an item when the test asks for it, and checks what
//     comes. So the stages above feel backpressure.
//   - [Inject] puts faults into a function: errors, panics, delays, calls that hang
//     or end their goroutine, by script ([InOrder]) or by chance ([AtRandom]).
//   - [Bubble] and [Run] run a test, or a flow, in virtual time, and find the
//     goroutines that are left; [NoLeaks] finds them in real time.
//   - [Balanced] checks that the ledgers balance.
//
// # For contracts
//
// [TestStage], [TestSource], [TestSink] and [TestLayer] check the contract that a
// flow relies on; see [stages.Stage] and [section.Layer]. All stages, sources, sinks
// and layers of weir pass them.
//
//	func TestContract(t *testing.T) {
//		flowtest.TestStage(t, flowtest.StageCase[int, int]{
//			New: func(call func(context.Context) error) stages.Stage[int, int] {
//				return mystage.New(func(ctx context.Context, v int) (int, error) { return 2 * v, call(ctx) })
//			},
//			In: []int{1, 2, 3}, Out: []int{2, 4, 6},
//		})
//	}
//
// For connectors to message brokers there is package queuetest.
//
// The package uses the standard library alone. A failure is reported by Errorf of the
// test. The methods of a Probe end the test instead, because they cannot continue
// without an item.
package flowtest
