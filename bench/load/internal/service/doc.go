// Package service is the local HTTP service that the load is put on. It runs in
// a process of its own, so that its memory and its goroutines are not counted
// for its callers.
//
// It works on a bounded number of requests at a time, each for a time that is
// spread log-normally; a bounded number waits for that; what comes on top is
// answered 429 with Retry-After. A share of the answers is 500, and once, for a
// while, all are 503. What the n-th request meets depends on the seed and on n
// alone.
package service
