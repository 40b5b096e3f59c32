// Package report holds the results of the program, as JSON and as a table.
package report
