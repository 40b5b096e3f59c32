// Package bench measures weir beside what an engineer would use in its place,
// doing the same work in the same run. Its benchmarks have one sub-benchmark
// for each implementation, named impl=NAME, so that benchstat can compare them:
//
//	go test -bench . -count 5 ./bench | tee new.txt
//	benchstat -col /impl new.txt
//
// impl=channels is written by hand: goroutines, channels of 128, contexts and
// errors.
package bench
