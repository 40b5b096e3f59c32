// Package cli is the frame of a program for the command line. It reads flags and the
// environment, prints a failure in one line, and ends with an exit status.
package cli
