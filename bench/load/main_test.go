package main

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// The program starts itself again, and here itself is the test.
func TestMain(m *testing.M) {
	if role, ok := roles[firstOf(os.Args[1:])]; ok {
		os.Exit(role(os.Stdin, os.Stdout, os.Stderr))
	}
	// Built with the race detector, each child would sleep for a second at its end.
	os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=10")
	goleak.VerifyTestMain(m)
}
