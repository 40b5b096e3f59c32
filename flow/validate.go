package flow

import (
	"errors"
	"fmt"
	"iter"
	"reflect"
	"strings"

	"github.com/weir-go/weir/stages/section"
)

// Validate returns a *[GraphError] with everything that is wrong with the graph, nil if
// nothing is. Every run does this first.
func (g *Graph) Validate() error { return g.root().validate(nil) }

// validate allows one wire that leads to a sink outside of the graph.
func (g *Graph) validate(end *wire) error {
	var faults []error
	fault := func(n *node, err error) {
		faults = append(faults, fmt.Errorf("stage %q: %w", n.name, err))
	}
	if len(g.nodes) == 0 {
		faults = append(faults, errors.New("the graph is empty"))
	}
	seen, most := map[string]bool{}, supply{}
	for _, n := range g.nodes {
		if g.names[n.name] > 1 && !seen[n.name] {
			fault(n, fmt.Errorf("%d stages have this name", g.names[n.name]))
		}
		seen[n.name] = true
		for _, err := range n.faults {
			fault(n, err)
		}
		if err := g.deadlock(n); err != nil {
			fault(n, err)
		}
		if err := g.unlike(n); err != nil {
			fault(n, err)
		}
		if err := most.short(n); err != nil {
			fault(n, err)
		}
	}
	for n, err := range g.mismatches() {
		fault(n, err)
	}
	for _, s := range g.sections {
		if !s.used {
			fault(s.after, fmt.Errorf("the section after it (%s) has no call: chain a Map to its last layer", strings.Join(s.layers, ", ")))
		}
	}
	for _, w := range g.wires {
		switch {
		case w.twice || w.to != nil && w == end:
			fault(w.from, errors.New("its stream has more than one receiver"))
		case w.to == nil && w != end && !g.opens(w.from):
			fault(w.from, errors.New("its stream leads nowhere"))
		}
	}
	if faults == nil {
		return nil
	}
	return &GraphError{Faults: faults}
}

// mismatches yields the sections that share a deduplicator with a section whose results have
// another type.
func (g *Graph) mismatches() iter.Seq2[*node, error] {
	return func(yield func(*node, error) bool) {
		first := map[any]reflect.Type{}
		for _, n := range g.nodes {
			s, ok := n.what.(interface{ SharedAnswers() []section.Shared })
			if !ok {
				continue
			}
			for _, shared := range s.SharedAnswers() {
				have, known := first[shared.Dedup]
				if !known {
					first[shared.Dedup] = shared.Result
				} else if have != shared.Result && !yield(n, fmt.Errorf("it shares a dedup with a section whose results are %v, and its own are %v", have, shared.Result)) {
					return
				}
			}
		}
	}
}

// opens reports whether a section was begun after the node. A section without a call is reported
// already.
func (g *Graph) opens(n *node) bool {
	for _, s := range g.sections {
		if s.after == n {
			return true
		}
	}
	return false
}

// blame records what is wrong with the node, one fault each.
func (n *node) blame(err error) {
	for _, one := range split(err) {
		known := false
		for _, have := range n.faults {
			known = known || have.Error() == one.Error() // a stage also reports faults of its options
		}
		if !known {
			n.faults = append(n.faults, one)
		}
	}
}

// split returns the errors that are joined in err.
func split(err error) (all []error) {
	if err == nil {
		return nil
	}
	//nolint:errorlint // what was joined, not what was wrapped
	if joined, ok := err.(interface{ Unwrap() []error }); ok && strings.Contains(err.Error(), "\n") {
		for _, one := range joined.Unwrap() {
			all = append(all, split(one)...)
		}
		return all
	}
	return []error{err}
}

// isNil reports whether a source, stage or sink is nil, or is a nil function.
func isNil(what any) bool {
	if what == nil {
		return true
	}
	switch v := reflect.ValueOf(what); v.Kind() {
	case reflect.Func, reflect.Pointer, reflect.Map, reflect.Chan:
		return v.IsNil()
	}
	return false
}

// deadlock returns why one inlet of n could wait for another one, nil if it cannot.
func (g *Graph) deadlock(n *node) error {
	if !n.turns {
		return nil
	}
	if above := g.shared(n); above != nil {
		return fmt.Errorf("deadlock: it reads its inputs one after another, but two of them come from stage %q; use Merge, or buffer one branch", above.name)
	}
	if by := g.tied(n); by != nil {
		return fmt.Errorf("deadlock: it reads its inputs one after another, and one would wait for another through stage %q", by.name)
	}
	return nil
}
