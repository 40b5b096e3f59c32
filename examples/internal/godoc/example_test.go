package godoc_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing/fstest"

	"github.com/weir-go/weir/examples/internal/godoc"
)

func ExampleSource() {
	dir, err := godoc.Source(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = os.Stat(filepath.Join(dir, "fmt", "print.go"))
	fmt.Println(err)
	// Output: <nil>
}

func ExampleList() {
	src := fstest.MapFS{
		"sort/sort.go":           {Data: []byte("package sort\n")},
		"sort/internal/x/x.go":   {Data: []byte("package x\n")},
		"errors/errors.go":       {Data: []byte("package errors\n")},
		"strings/string_test.go": {Data: []byte("package strings\n")},
	}
	names, err := godoc.List(src)
	fmt.Println(names, err)
	// Output: [errors sort] <nil>
}

func ExampleLoad() {
	src := fstest.MapFS{"sort/sort.go": {Data: []byte(
		"// Package sort puts things in order.\npackage sort\n\nimport \"math/bits\"\n")}}
	p, err := godoc.Load(context.Background(), src, "sort")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s: %q, imports %v\n", p.Name, p.Doc, p.Imports)
	// Output: sort: "Package sort puts things in order.\n", imports [math/bits]
}

func ExamplePackage_Documented() {
	src := fstest.MapFS{"sort/sort.go": {Data: []byte("package sort\n")}}
	p, _ := godoc.Load(context.Background(), src, "sort")
	fmt.Println(p.Documented())
	// Output: false
}
