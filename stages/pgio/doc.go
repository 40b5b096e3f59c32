// Package pgio connects flows to PostgreSQL, with pgx.
//
//   - [Queue] is a queue in a table. Workers take rows by a lease, and settle them by deletion.
//     [Queue.Put] adds rows. In a transaction of the caller the queue is an outbox.
//   - [Copy] and [Statement] write batches. A bad row fails alone.
//
// The caller owns the pool. The README of the package tells the guarantees, the knobs, and what
// happens at a crash.
//
// Read the files in this order: schema.sql, queue.go, row.go, put.go, claim.go, settle.go,
// source.go, listen.go, dead.go, batch.go, errors.go.
package pgio
