// Package operator has the stages that transform, combine and divide streams, one in each
// file.
//
//   - Each item by itself: Map, Filter, Lanes, MapBatch, Scan, FlatMap.
//   - Many items into one: Batch, Window, Reduce.
//   - A choice of items: Take, Skip, DistinctUntilChanged, Unique.
//   - Time and room: Throttle, Debounce, Delay, Deadline, Overflow.
//   - Failures: OnError, DeadLetter, HandBack, Remember.
//   - Several streams: Merge, Concat, Zip, Join, Broadcast, Balance, Partition.
package operator
