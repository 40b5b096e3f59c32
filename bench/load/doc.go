// Command load puts an open-loop load on a local HTTP service that is slow, that
// fails, and that is down for a while. It does the same job with weir, with rill
// and failsafe-go, and by hand with errgroup, semaphore, singleflight and
// gobreaker.
//
//	GOTOOLCHAIN=auto go run ./bench/load
//
// Arrivals do not wait for answers, and latency counts from when an arrival was
// due. The service and each run have processes of their own: this program starts
// itself again as "load service" and "load client". It reports throughput,
// latencies, what was shed and what failed, and the calls that reached the service.
// It also reports memory, goroutines, and how long the recovery took. See the
// README beside this file.
//
//	config.go             what the user can choose
//	conduct.go            the runs, one after another
//	child.go              the processes
//	serve.go, client.go   what they do
//	internal/job          what an implementation has to do
//	internal/impl         the implementations; the part to read
//	internal/service      the service
//	internal/arrivals     the load
//	internal/measure      the record
//	internal/report       the table and the JSON
//	internal/chart        the plots
package main
