package stack

import (
	"context"
	"errors"
	"slices"

	"github.com/weir-go/weir/primitives/outcome"
)

// Func is a function that a [Stack] encloses, and what each of its layers looks like to
// the layer outside.
type Func[In, Out any] func(context.Context, In) (Out, error)

// Stack is a function with layers around it. It is made by [Around]. Any number of
// goroutines use it at the same time. It does not change: its methods return new ones.
type Stack[In, Out any] struct {
	fn       Func[In, Out]
	classify outcome.Classifier // nil: the default
	layers   []layer[In, Out]   // outermost first
	fault    *Error             // of all layers, or nil
	call     Func[In, Out]      // fn in all its layers
}

// layer is one layer of a stack.
type layer[In, Out any] struct {
	name string
	wrap func(Func[In, Out]) Func[In, Out]
	err  error // what is wrong with it, or nil
}

// Around returns a stack without layers: its Do calls f.
func Around[In, Out any](f Func[In, Out]) *Stack[In, Out] {
	return (&Stack[In, Out]{fn: f}).compose()
}

// Do calls the function in its layers, and returns what the outermost of them returns.
// It returns at the latest when the function and all waits of the layers have ended;
// when ctx ends, the waits do. A panic of the function propagates, as does
// runtime.Goexit; the layers give back what they hold.
//
// If the stack cannot be used, Do returns the error of [Stack.Err] and calls nothing.
func (s *Stack[In, Out]) Do(ctx context.Context, in In) (Out, error) {
	if s.call == nil {
		var none Out
		return none, s.Err()
	}
	v, err := s.call(ctx, in)
	if m, ok := err.(*meant); ok {
		err = m.err
	}
	return v, err
}

// Err returns nil if the stack can be used. Otherwise it returns an [*Error] that tells
// everything that is wrong, by the names of the layers.
func (s *Stack[In, Out]) Err() error {
	switch {
	case s.fault != nil:
		return s.fault
	case s.call == nil:
		return &Error{Err: errNoFunc}
	}
	return nil
}

// errNoFunc is also the fault of the zero Stack.
var errNoFunc = errors.New("there is no function, pass one to Around")

// Classify sets what the errors of the function mean to all layers; nil and the default
// are [outcome.Classify]. It is asked once for each call of the function that returns an
// error, with the context of that call. It must be safe for concurrent use, and runs
// without a lock. errors.Is and errors.As find the error of the function as it is.
//
// A policy with a classifier of its own uses that, for its layer.
func (s *Stack[In, Out]) Classify(c outcome.Classifier) *Stack[In, Out] {
	next := *s
	next.classify = c
	return next.compose()
}

// Layer adds a layer of your own. wrap is called when the stack is made, and again for
// each stack that is made from this one. next is what is inside. The function that it
// returns must be safe for concurrent use, and calls next as often as it likes, or not
// at all. name is for [Stack.Err].
func (s *Stack[In, Out]) Layer(name string, wrap func(next Func[In, Out]) Func[In, Out]) *Stack[In, Out] {
	if wrap == nil {
		return s.with(layer[In, Out]{name: name, err: errors.New("the layer is nil")})
	}
	return s.with(layer[In, Out]{name: name, wrap: wrap})
}

// with returns s with one more layer, the innermost.
func (s *Stack[In, Out]) with(l layer[In, Out]) *Stack[In, Out] {
	next := *s
	next.layers = append(slices.Clip(s.layers), l)
	return next.compose()
}

// compose builds the call, or notes why it cannot be made.
func (s *Stack[In, Out]) compose() *Stack[In, Out] {
	s.call, s.fault = nil, nil
	if faults := s.faults(); len(faults) > 0 {
		s.fault = &Error{Err: errors.Join(faults...)}
		return s
	}
	call := s.base()
	for i, l := range slices.Backward(s.layers) {
		if call = l.wrap(call); call == nil {
			s.fault = &Error{Err: &LayerError{Layer: l.name, Place: i + 1, Err: errors.New("the layer made no function")}}
			return s
		}
	}
	s.call = call
	return s
}

func (s *Stack[In, Out]) faults() (all []error) {
	if s.fn == nil {
		all = append(all, errNoFunc)
	}
	for i, l := range s.layers {
		if l.err != nil {
			all = append(all, &LayerError{Layer: l.name, Place: i + 1, Err: l.err})
		}
	}
	return all
}

// base is the function without layers. With a classifier, its errors say what they mean.
func (s *Stack[In, Out]) base() Func[In, Out] {
	f, classify := s.fn, s.classify
	if classify == nil {
		return f
	}
	return func(ctx context.Context, in In) (Out, error) {
		v, err := f(ctx, in)
		if err != nil {
			err = mean(ctx, err, classify)
		}
		return v, err
	}
}

// meant is an error of the function with the meaning that the classifier of the stack
// has given it.
type meant struct {
	err     error
	meaning outcome.Outcome
}

func (m *meant) Error() string            { return m.err.Error() }
func (m *meant) Unwrap() error            { return m.err }
func (m *meant) Outcome() outcome.Outcome { return m.meaning }

// mean returns an error unchanged if it has the meaning already. A mark around it would hide the
// error of a retrier inside the function, for which an outer retrier looks.
func mean(ctx context.Context, err error, classify outcome.Classifier) error {
	o := classify(ctx, err)
	if o == outcome.Classify(ctx, err) {
		return err
	}
	return &meant{err, o}
}
