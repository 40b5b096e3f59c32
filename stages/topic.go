package stages

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/lineage"
)

// Topic is a typed edge between two parts of a graph. It is durable if a broker keeps it. Package
// topic has the topic in memory, and the parts for topics of brokers.
type Topic[T any] interface {
	// Sink returns what publishes items. An item is settled when the broker has confirmed it.
	Sink() Sink[T]
	// Source returns what brings them into the part below, each as a delivery of its own. It
	// ends when the intake stops; that of a topic in memory ends when its sink has ended and
	// everything is settled.
	Source() Source[T]
}

// LocalTopic is implemented by topics that do not leave the process: both ends run in it, or
// none.
type LocalTopic interface {
	// Local reports whether the topic does not leave the process.
	Local() bool
}

// DrainedTopic is implemented by durable topics that know when all of their items have been handed
// out. If a process runs both parts that the topic joins, the part below drains after the part
// above. After a stop its intake continues until the part above has ended and Drained has returned.
// Without this method, or if the process runs only the part below, its intake stops at once. What
// the topic keeps is then for other processes, or for the next run. The intake also stops at once
// if the run has failed.
type DrainedTopic interface {
	// Drained returns when the part below has received everything that the topic had confirmed at
	// the time of the call. The part below can run in this process or in others. It is called once
	// a run. It must return when ctx ends. Its error is an error of the run.
	Drained(ctx context.Context) error
}

// PartitionedTopic is implemented by topics that divide their items by a key among the processes
// that run the part below. Two topics are joined only if they are partitioned alike.
type PartitionedTopic interface {
	// Partitioning names the division: if two topics return equal strings, items with equal keys
	// come to the same process. It is empty if items are not divided by a key.
	Partitioning() string
}

// Journey is what happened to an item in the parts of its graph that it has passed. A [Topic]
// carries it from one part to the next.
type Journey struct {
	// Age is the time since the item entered the first part. It is 0 in an untimed run.
	Age time.Duration
	// Left is the time that the item has left to be done. It is 0 if the item has no deadline.
	Left time.Duration
	// Timings is what the stages have cost the item so far.
	Timings []Timing
}

// Journey returns what has happened to an item so far, in this flow and before. It is for sinks
// that send the item to another part of its graph.
func (in *Inlet[T]) Journey[I InletOf[T]](it Item[T]) Journey {
	k := kernel.Of(in)
	j := Journey{Age: k.Node().Age(&it.meta)}
	spans, _ := k.Timings(it.meta, nil)
	for _, s := range spans {
		j.Timings = append(j.Timings, Timing(s))
	}
	if by, ok := it.Deadline(in); ok {
		j.Left = max(time.Until(by), 1)
	}
	return j
}

// PublishID returns an ID for the message that publishes an item in a topic: the same for each
// attempt to publish it, and different for all other items. A broker that knows IDs suppresses
// repeats by it. The ID is empty if the item's source, or one of its sources, gives no IDs.
//
// It is made of [Receipt.ID] and the name of the topic. The ID of an item that was derived from
// another one, or is made of several, also depends on its content. It has a number if several items
// of one receipt have the same content. So if a function returns something else for a repeat, such
// an item has another ID, and the repeat is not suppressed. Nothing that differs is ever lost.
func (in *Inlet[T]) PublishID[I InletOf[T]](it Item[T], topic string, content []byte) string {
	id, alone := it.meta.ID()
	if id == "" {
		return ""
	}
	h := sha256.New()
	fmt.Fprintf(h, "%d:%s%d:%s", len(topic), topic, len(id), id)
	if alone {
		return hex.EncodeToString(h.Sum(nil)[:16])
	}
	h.Write(content)
	sum := hex.EncodeToString(h.Sum(nil)[:16])
	if n := it.meta.Occurrence(sum); n > 1 {
		return fmt.Sprintf("%s-%d", sum, n)
	}
	return sum
}

// entry returns what the kernel must know about the values.
func (r *Receipt) entry(k *kernel.Outlet) lineage.Entry {
	e := lineage.Entry{Limit: lineage.Limit{Ctx: r.Context}}
	if j := r.Journey; j != nil {
		e.Past = &lineage.Past{Age: j.Age}
		for _, t := range j.Timings {
			e.Past.Timings = append(e.Past.Timings, lineage.Timing(t))
		}
		if j.Left > 0 {
			e.Limit.Deadline = kernel.Plus(k.Node().Run().Now(), j.Left)
		}
	}
	return e
}
