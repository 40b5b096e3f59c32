// Package godoc reads the package documentation of the Go standard library out
// of its source tree.
//
// [Source] finds the tree, [List] names its packages in a few dozen milliseconds,
// and [Load] reads one of them. Listing is kept apart from loading so that
// loading can be a stage of a flow: it is the part that costs time and the part
// that can fail for one package without harm to the others.
//
// What is read does not depend on the machine: build constraints are decided for
// linux/amd64 without cgo, whatever the host is, so that the same Go release gives
// the same packages, imports and texts everywhere.
package godoc
