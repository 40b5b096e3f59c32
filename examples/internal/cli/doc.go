// Package cli is the frame of a program for the command line: flags and
// environment go in; a line for what went wrong, and an exit status, come out.
package cli
