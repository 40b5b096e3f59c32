package main

import (
	"errors"
	"fmt"
	"strings"
)

// maxFaults is how many faults of a request the gateway lists. A request of 1 MiB
// has room for 350,000.
const maxFaults = 10

// faults is what is wrong with a request: the first few, and how many more there are.
type faults struct {
	lines []string
	more  int
}

// If adds a fault if something is wrong, or counts it if the list is full.
func (f *faults) If(wrong bool, format string, args ...any) {
	switch {
	case !wrong:
	case len(f.lines) == maxFaults:
		f.more++
	default:
		f.lines = append(f.lines, fmt.Sprintf(format, args...))
	}
}

// err returns the faults in one line, or nil if there are none.
func (f *faults) err() error {
	if f.lines == nil {
		return nil
	}
	text := strings.Join(f.lines, "; ")
	if f.more > 0 {
		text += fmt.Sprintf("; and %d more", f.more)
	}
	return errors.New(text)
}

// check returns what is wrong with a request.
func check(fields map[string]any) error {
	var f faults
	model, isText := fields["model"].(string)
	f.If(!isText, "model is not a string")
	f.If(isText && model == "", "model is missing, and the gateway was started without one")
	messages, isList := fields["messages"].([]any)
	f.If(!isList, "messages is missing or not a list")
	f.If(isList && len(messages) == 0, "messages is empty")
	for i, m := range messages {
		message, isObject := m.(map[string]any)
		role, _ := message["role"].(string)
		f.If(!isObject, "messages[%d] is not an object", i)
		f.If(isObject && role == "", "messages[%d].role is missing", i)
	}
	stream, there := fields["stream"]
	f.If(there && stream != false && stream != nil, "stream is not supported: leave it out or set it to false")
	return f.err()
}
