package section

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/weir-go/weir/internal/turn"
	"github.com/weir-go/weir/stages"
)

// Layer encloses what is below it in a section: requests go down through it, and responses
// come back up.
//
//	      requests           responses
//	above    |                   ^
//	      .--v-------------------|--.
//	      | Request    layer  Response |
//	      '--|-------------------^--'
//	below    v                   |
//
// A Layer is only the description. Its state is made for each run.
type Layer struct {
	kind  string
	check func() error                           // returns what is wrong with the layer
	open  func(*turn.Port) (turn.Handler, error) // makes its state for a run

	items  reflect.Type // type of the items that it takes, nil for any
	shared any          // a primitive that other code may use as well, nil for a policy; a section can have it once
	keeps  bool         // shared keeps results of the section
	shown  string       // text in a picture of the graph; the kind if empty
}

// Kind returns what kind of layer it is, such as "guard".
func (l Layer) Kind() string { return l.kind }

// layer returns the layer for package turn.
func (l Layer) layer() turn.Layer { return opener(l.open) }

type opener func(*turn.Port) (turn.Handler, error)

func (o opener) Open(p *turn.Port) (turn.Handler, error) { return o(p) }

// validate returns what is wrong with the layer in a section of items of a type, below the layers
// above.
func (l Layer) validate(items reflect.Type, above []Layer) error {
	if l.open == nil {
		return errors.New("a layer is the zero Layer")
	}
	var faults []error
	if l.items != nil && l.items != items {
		faults = append(faults, fmt.Errorf("%s is for items of type %v, and the items of the stage are of type %v", l.kind, l.items, items))
	}
	// A call that holds a permit would wait for another one of the same guard, which it can get only
	// when it has ended.
	if first := slices.IndexFunc(above, func(o Layer) bool { return o.shared == l.shared }); l.shared != nil && first >= 0 {
		faults = append(faults, fmt.Errorf("its %s is that of layer %d", l.kind, first+1))
	}
	if l.check != nil {
		faults = append(faults, l.check())
	}
	return errors.Join(faults...)
}

// sharedBy returns the primitive that the source of a layer is, nil for a policy.
func sharedBy(source any) any {
	if reflect.ValueOf(source).Kind() != reflect.Pointer {
		return nil
	}
	return source
}

// given returns what is wrong with the primitive of a layer: it is nil, or cannot be made.
func given(kind string, missing bool, settings stages.Settings, made func() error) error {
	if missing {
		return errors.Join(settings.Validate(), errors.New(kind+" is nil"))
	}
	return errors.Join(settings.Validate(), made())
}

// contextOf returns the context of an item in the section: its own, or the run's.
func contextOf(p *turn.Port, f *turn.Flight, place int) context.Context {
	if l := f.Limit(place); l.Ctx != nil {
		return l.Ctx
	}
	return p.Run().Ctx
}
