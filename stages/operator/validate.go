package operator

import (
	"errors"
	"fmt"
)

// needs returns an error with the text what, if fault is true.
func needs(fault bool, what string) error {
	if fault {
		return errors.New(what)
	}
	return nil
}

// atLeast returns an error for a number below a minimum.
func atLeast(minimum int, what string, n int) error {
	if n < minimum {
		return fmt.Errorf("%s must be at least %d, not %d", what, minimum, n)
	}
	return nil
}

// itemFunc returns the function of an option. Its type must fit the stage's items.
func itemFunc[F any](option string, f any) (fn F, err error) {
	if f == nil {
		return fn, nil
	}
	fn, ok := f.(F)
	if !ok {
		return fn, fmt.Errorf("%s has a %T, and the items of the stage need a %T", option, f, fn)
	}
	return fn, nil
}
