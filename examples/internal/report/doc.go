// Package report prints figures as tables: numbers to the right, durations with three
// digits, no colours and no frame. So the text can go unchanged into a file or an
// issue.
package report
