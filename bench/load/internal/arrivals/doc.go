// Package arrivals makes the load: a Poisson process, in an open loop. Each
// arrival is sent when it is due, whether or not the ones before it have been
// answered, and says when it was due, so that a slow answer costs those behind it
// what it would cost them in life. A closed loop would wait for it and leave
// them out of the record: coordinated omission, as Gil Tene calls it.
package arrivals
