package main

import (
	"bytes"
	"embed"
	"fmt"
	"go/parser"
	"go/token"
	"strconv"
	"text/template"
)

//go:embed programs/*.tmpl
var files embed.FS

var programs = template.Must(template.ParseFS(files, "programs/*.tmpl"))

// kinds are the implementations: a program of each is in programs.
var kinds = []string{"weir", "weir-section", "rill", "channels"}

// step is a stage that makes one type of another.
type step struct{ From, To int }

// program returns the source of a user's package that takes items through n
// stages, each of which makes another type.
func program(kind string, n int) ([]byte, error) {
	data := struct {
		Items []int
		Steps []step
		Last  int
	}{Items: []int{0}, Last: n}
	for i := range n {
		data.Items = append(data.Items, i+1)
		data.Steps = append(data.Steps, step{i, i + 1})
	}
	var b bytes.Buffer
	if err := programs.ExecuteTemplate(&b, kind+".tmpl", data); err != nil {
		return nil, fmt.Errorf("program %s: %w", kind, err)
	}
	return b.Bytes(), nil
}

// imports returns the paths that a source imports.
func imports(source []byte) (paths []string, err error) {
	f, err := parser.ParseFile(token.NewFileSet(), "main.go", source, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	for _, spec := range f.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}
