// Package godoc reads the package documentation of the Go standard library from its
// source tree.
//
// [Source] finds the tree, [List] names its packages in a few dozen milliseconds, and
// [Load] reads one of them. Loading is apart from listing so that it can be a stage of
// a flow: it costs the most time, and can fail for one package without harm to the
// others.
//
// The result does not depend on the machine. Build constraints are those of
// linux/amd64 without cgo, whatever the host is. So a Go release has the same packages,
// imports and texts everywhere.
package godoc
