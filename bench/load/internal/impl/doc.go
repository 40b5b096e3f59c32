// Package impl holds the implementations of the job, one per file, each written
// as its authors recommend and as short as it can be:
//
//	weir.go    a section with the layers guard, dedup, retry, guard, breaker
//	rill.go    rill for the stream, failsafe-go for retry and breaker
//	byhand.go  errgroup, semaphore, singleflight and gobreaker, joined by hand
//
// All of them bound what is inside, share calls that are under way, retry with
// the same delays, and open their breaker by the same rule. What one lacks, or
// does otherwise, is said in its file.
package impl
