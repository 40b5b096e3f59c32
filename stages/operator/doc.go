// Package operator has the stages that make streams of streams, one in each file.
//
// One item of each: Map, Filter, Lanes, MapBatch, Scan, FlatMap. One of many: Batch, Window,
// Reduce. Choice: Take, Skip, DistinctUntilChanged. Time: Throttle, Debounce, Delay,
// Deadline. Failures: OnError, Remember. Several streams: Merge, Concat, Zip, Join,
// Broadcast, Balance, Partition.
package operator
