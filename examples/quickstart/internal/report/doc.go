// Package report prints figures as tables for a terminal: numbers to the right,
// durations with three digits, no colours and no frame, so that the text can go
// into a file or an issue as it is.
package report
