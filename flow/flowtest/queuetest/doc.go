// Package queuetest is the conformance suite of connectors: of a source, and if there is one a
// sink, that join a flow to a message broker. [Run] plays the same cases on every connector, on
// the real broker or an embedded one.
//
//	func client() queuetest.Client[mybroker.Msg] { ... }  // how to open a source, how to read a message
//
//	func TestMain(m *testing.M) { queuetest.Main(m, client()) }
//
//	func TestConformance(t *testing.T) {
//		queuetest.Run(t, queuetest.Broker[mybroker.Msg]{
//			Client: client(),
//			Create: create, Put: put, Left: left, // what the suite does at the broker
//			Features: queuetest.Features{Delay: true, Groups: true, Deliveries: true},
//		})
//	}
//
// # Words
//
//   - A message has a key and a payload. The suite makes it, and the connector has a type of its
//     own for it, M.
//   - A queue is what one group of consumers reads: a stream, a topic, a table. Its name is a
//     string from which any process can open it.
//   - A member is one consumer of a queue: a run of a flow in the process of the test, or a
//     worker process.
//   - A message is settled when the broker will not hand it out again.
//   - A message is lost if no member has done it and the broker does not have it any more. It is
//     repeated if members have done it more than once.
//
// # Worker processes
//
// The cases that kill need a real process. They start the test binary again, with a variable in
// its environment. [Main] finds the variable, and works on the queue instead of running tests.
// So the functions of a [Client] know only the name of the queue. TestMain must call Main.
//
// # The cases
//
// Each is a subtest. A case that needs a feature that the connector does not have, or a function
// that the [Broker] does not set, is skipped. The suite takes between 20 and 40 seconds, more if
// the broker is slow to find out that a member has died.
//
// # Stability
//
// The names and the meaning of what this package exports stay. A new case comes with a new
// field, whose zero value leaves the case out, or tests a promise that every connector already
// makes.
//
// The package uses the standard library and weir alone.
package queuetest
