package cli

import (
	"errors"
	"fmt"
	"strings"
)

// Faults is what is wrong with what the user chose: all of it, so that he mends it
// in one go.
type Faults struct{ lines []string }

// If adds a fault where something is wrong.
func (f *Faults) If(wrong bool, format string, args ...any) {
	if wrong {
		f.lines = append(f.lines, fmt.Sprintf(format, args...))
	}
}

// err returns the faults as one line, or nil where there are none.
func (f *Faults) err() error {
	if f.lines == nil {
		return nil
	}
	return errors.New(strings.Join(f.lines, "; "))
}
