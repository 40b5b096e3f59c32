package glossary_test

import (
	"fmt"

	"github.com/weir-go/weir/examples/internal/glossary"
	"github.com/weir-go/weir/examples/internal/godoc"
)

func ExampleTerms() {
	for _, term := range glossary.Terms(godoc.Package{ImportPath: "bufio", Imports: []string{"bytes", "errors"}}) {
		fmt.Println(term.Package, "needs", term.Name)
	}
	// Output:
	// bufio needs bufio
	// bufio needs bytes
	// bufio needs errors
}

func ExampleTerm_Entry() {
	term := glossary.Term{Package: "bufio", Name: "errors"}
	fmt.Printf("%+v\n", term.Entry("Package errors makes errors."))
	// Output: {Package:bufio Term:errors Summary:Package errors makes errors.}
}

func ExampleQuestion() {
	q := glossary.Question("m", godoc.Package{ImportPath: "math/bits", Name: "bits", Doc: "Package bits counts."})
	fmt.Println(q.Prompt)
	// Output:
	// Say in one sentence what the Go package math/bits is for. Its documentation:
	//
	// Package bits counts.
}
