// Package ack acknowledges what a source has brought in.
//
// A flow tells its source of each item that it is done, in any order and from any
// goroutine: see [stages.Outlet.EmitAcked]. Brokers need other acknowledgements:
//   - [Commits] is for logs, such as Kafka's. It commits positions in their order.
//   - [Batch] is for queues, such as SQS or Redis streams. It acknowledges many
//     deliveries with one call.
//   - [Leases] is for queues that hand deliveries out for a time. It renews what is held.
//
// They call the broker from a goroutine of their own, so a slow broker does not hold
// up the flow. The goroutine runs only while there is something to do. Close waits for
// it. A source calls Close in its Finish method; see [stages.Finisher].
package ack
