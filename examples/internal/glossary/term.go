package glossary

import (
	"github.com/weir-go/weir/examples/internal/godoc"
)

// Term is one line of the glossary, before the model has written it: what Name is, for
// readers of Package. Both are import paths.
type Term struct {
	Package string
	Name    string
}

// Terms returns the terms that readers of a package need: the package first, and then
// its imports, in the order of the names.
func Terms(p godoc.Package) []Term {
	terms := make([]Term, 0, 1+len(p.Imports))
	terms = append(terms, Term{Package: p.ImportPath, Name: p.ImportPath})
	for _, name := range p.Imports {
		terms = append(terms, Term{Package: p.ImportPath, Name: name})
	}
	return terms
}

// Entry is a line of the glossary as the file has it.
type Entry struct {
	Package string `json:"package"`
	Term    string `json:"term"`
	Summary string `json:"summary"`
}

// Entry returns the line of the term with the summary.
func (t Term) Entry(summary string) Entry {
	return Entry{Package: t.Package, Term: t.Name, Summary: summary}
}
