// Package natsio connects flows to NATS JetStream.
//
//   - [Source] brings in the messages of a pull consumer, and acknowledges them.
//   - [Sink] publishes messages to a stream, and waits for their confirmation.
//   - [Topic] cuts a graph into parts that run in processes of their own.
//   - [Store] is the state that breakers, deduplicators and limiters of many processes share.
//
// The items are the client's own: [jetstream.Msg] and [*nats.Msg]. The caller makes the connection,
// with its TLS and authentication, and closes it after the run.
//
//	nc, err := nats.Connect(url, nats.MaxReconnects(-1))
//	js, err := jetstream.New(nc)
//	consumer, err := js.Consumer(ctx, "ORDERS", "worker")
//	report, err := flow.From(natsio.Source(js, consumer)).
//		Map("work", work, stages.Workers(32)).
//		HandBack(5*time.Second, stages.MaxDeliveries(5)).
//		DeadLetter(put).
//		To(natsio.Sink(js)).
//		Run(ctx, flow.StopOnSignal())
//
// # Guarantees
//
// At least once. A message is settled after the sink has it, and never before. It comes again if
// the process dies, if it is handed back, or if its acknowledgement is lost.
//
//   - After kill -9 no message is lost. The messages that the process held, at most [InFlight],
//     come again when AckWait has passed.
//   - After a drain (SIGTERM with flow.StopOnSignal) nothing comes again: all acknowledgements have
//     reached the server before Run returns.
//   - A drain of both parts that a [Topic] joins leaves in the stream only what was handed back.
//   - A message has an ID, made of its stream and its number. Topics suppress repeats by it. [ID]
//     returns it for messages that you publish yourself.
//   - The messages of a consumer come in their order. With several members, or after a message was
//     handed back, JetStream keeps no order, not even for a subject.
//
// # What happens when
//
//   - An item takes longer than AckWait: it does not come again. From the fetch until the item is
//     settled, the source tells the server that it is in progress.
//   - The connection is lost: the flow continues with the items it holds, and the source fetches
//     again when the client has reconnected. If the server has not answered for 9 tenths of
//     AckWait, a message in work may come again, to any member. Then the context of its item ends,
//     with a cause that matches [ack.ErrLost], and the item goes back. If its work is finished
//     anyway, it is acknowledged. A client gives up after 60 tries unless it was made with
//     nats.MaxReconnects(-1). While the client is not connected it keeps what it would send, up to
//     8 MB (nats.ReconnectBufSize).
//   - The server restarts: as above. A stream in memory is gone then, and after 5 seconds the run
//     ends with [ErrGone].
//   - The server is killed: as above. It writes what was acknowledged about 10 times a second. The
//     messages whose acknowledgement it had not written come again.
//   - An error ends the run if it does not heal; [Ends] says otherwise.
//   - An item fails, and no policy takes it: the run stops, and the message comes again.
//
// # Knobs
//
//   - [InFlight], and MaxAckPending of the consumer, which bounds all its members together. Set it
//     to the sum at least.
//   - AckWait of the consumer: how long the messages of a dead process wait. The source renews every
//     third of it; [Renew] sets that. A few seconds suit most.
//   - MaxDeliver of the consumer must exceed [stages.MaxDeliveries], or stay unset. The server drops
//     a message that has been delivered that often, and no policy sees it.
//
// # Cost
//
// A worker with calls of 1 ms that publishes takes 24 us of processor time a message. The same
// worker by hand (32 goroutines, Consume, PublishMsgAsync, Ack) takes 21 us. A worker that only
// acknowledges takes 3.7 us against 2.4 us. The difference is the price of receipts, leases with a
// context and the ledger. Measured on 2 cores; see bench_test.go.
package natsio
