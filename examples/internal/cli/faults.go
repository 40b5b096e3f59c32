package cli

import (
	"errors"
	"fmt"
	"strings"
)

// Faults collects all that is wrong with what the user chose, so that the user can
// correct it in one go.
type Faults struct{ lines []string }

// If adds a fault if something is wrong.
func (f *Faults) If(wrong bool, format string, args ...any) {
	if wrong {
		f.lines = append(f.lines, fmt.Sprintf(format, args...))
	}
}

// err returns the faults as one line, or nil if there are none.
func (f *Faults) err() error {
	if f.lines == nil {
		return nil
	}
	return errors.New(strings.Join(f.lines, "; "))
}
