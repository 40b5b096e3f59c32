// Package kafkaio connects flows to Kafka by the client franz-go. The items are its *kgo.Record.
//
//   - [Group] is a source: the records of a consumer group.
//   - [Share] is a source: the records of a share group, which is a queue.
//   - [Sink] publishes records, and settles each when the brokers have confirmed it.
//   - [DeadLetters] keeps failed items in a topic.
//   - [Topic] is a durable edge between two parts of a graph.
//
// TLS, authentication and everything else of the client is set by options of franz-go.
//
// # Guarantees
//
// At least once. A record is committed when everything that was made of it, and of all records
// before it in its partition, is done. The order of a partition is the order of the flow: use
// Lanes to work on different keys of a partition at the same time.
//
// At a rebalance a partition that goes to another member is drained first: batches and windows let
// go of its records, what is in work ends, the last position is committed. A clean rebalance
// repeats nothing. What has not ended within [Group.Patience] is ended by its context and not
// committed, so the next member gets it again.
//
// At a crash the next member gets what was not committed: up to the commit interval, and what was
// in work.
//
// A [Share] has other ones: each record is settled alone, by any member, in no order. What is in work
// at a crash comes again when its lock has run out, or at once if the connection is lost. An answer
// that the broker does not get, such as at a lost connection, makes the record come again.
//
// # A failed record
//
// In a [Group], a record that fails, and that no policy takes, halts its partition: nothing after it is
// committed, and the run ends. A record that is handed back is delivered again by the source, after
// its delay. Kafka knows nothing of that: the record stays open, nothing after it in its partition
// is committed, and the count of its deliveries begins anew with the next member. Use [DeadLetters]
// for what does not pass.
//
// # Cost
//
// A worker with calls of 1 ms and 64 lanes takes about 0.9 times the processor time of one by hand
// that works on the keys of a poll at the same time and waits for the slowest: 7.7 us against 8.9 us
// a record. It does three times as many records a second: no key waits for the end of a poll. A worker
// that does nothing takes 1.5 us against 0.6 us. About half of the difference is the memory of what a
// flow knows of a record: a receipt, a position, a lineage and an ID, 450 bytes together. To publish
// takes 2.8 us against 2.1 us. Measured on 2 cores; see bench_test.go.
package kafkaio
