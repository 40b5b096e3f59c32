// Package deadletter keeps the items that a flow could not process, and brings
// them into a flow again.
//
// # Words
//
//   - A dead letter is a failed item as it is kept: the value, where it failed and
//     why. See [Letter].
//   - A [Store] keeps letters: [Memory] the last of them, [File] all of them, on
//     disk.
//   - A replay brings the values of the letters into a flow. [Replay] is the source
//     that does it.
//
// # Use
//
// The Put method of a store is the function for a dead-letter stage:
//
//	letters, err := deadletter.OpenFile[Job]("dead.jsonl")
//	...
//	flow.From(queue).Map("work", work).DeadLetter(letters.Put).To(sink)
//
// A later run replays what the store has:
//
//	flow.From(&deadletter.Replay[Job]{Store: letters}).Map("work", work).DeadLetter(letters.Put).To(sink)
//
// A letter is of the type of items that the store is for. Items often change their
// type on the way, and a failed item is what the failing stage received.
// Stream.Remember (operator.Remember), right after the source, keeps the value that
// the source emitted, and the letter has that value.
package deadletter
