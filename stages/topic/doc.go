// Package topic has the topic in memory, and the parts from which topics of brokers are built.
//
// A topic is a typed edge that cuts a graph into parts; see [stages.Topic]. [Local] keeps its
// items in memory: the graph runs as one process. With a topic of a broker the same graph runs as
// one process or as many, and an item that the broker has confirmed outlives them. The argument
// of Through is all that changes.
//
// # What crosses a topic
//
// A [Message] is an item on its way through a broker: its value, encoded by a [Codec], a key, an
// ID, and a header. The header carries the item's age, the time that is left until its deadline,
// the timings so far, and what a [Propagator] adds, such as a trace context. So the results at
// the far end show every stage in every process. The time that an item spends in the topic is the
// wait of a stage that has the topic's name.
//
// # Guarantee
//
// Each topic delivers at least once. An item above is settled when the broker has confirmed its
// message, and begins below as a delivery of its own. If a process dies between the two, the item
// is worked on again, and its message is published again under the same ID. A broker that knows
// IDs drops the repeat. The ID is made of what the item's source calls it. The ID of an item that
// was derived from another one, or is made of several, also depends on its content. So a repeat
// with another content is not dropped; see [stages.Inlet.PublishID]. If the source gives no IDs
// there is none, and repeats are not suppressed. This is not exactly-once: a function can be
// called twice for an item, and a repeat outside the broker's memory of IDs passes.
//
// # Topics of your own
//
// A connector has a type whose Sink is [SinkOf], and whose Source calls [Config.Open] for each
// message.
package topic
