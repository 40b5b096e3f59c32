package godoc

import (
	"context"
	"fmt"
	"go/ast"
	"go/build"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
)

// Package describes one package, as its source does.
type Package struct {
	ImportPath string
	Name       string
	// Doc is the package comment, joined from all files in the order of their names,
	// without directives. It is empty if the package has none; see [Package.Documented].
	Doc string
	// Imports are the imported packages that [List] lists, sorted.
	Imports []string
	// Files are the names of the package's files, sorted.
	Files []string
}

// Documented reports whether the package has a package comment.
func (p Package) Documented() bool { return p.Doc != "" }

// Load reads the package comment and the imports of one package. It leaves out tests,
// and files for other systems than linux/amd64. Equal sources give equal results,
// whatever the host.
//
// Load takes about a millisecond on average, and 60 for runtime, which has hundreds of
// files. It parses a file only as far as its imports. It returns early when ctx ends.
// The error is an [*Error]; a missing comment is no error.
func Load(ctx context.Context, src fs.FS, importPath string) (Package, error) {
	p := Package{ImportPath: importPath}
	set := token.NewFileSet()
	files, err := parse(ctx, src, importPath, set)
	if err != nil {
		return p, &Error{ImportPath: importPath, Err: err}
	}
	read, err := doc.NewFromFiles(set, files, importPath)
	if err != nil {
		return p, &Error{ImportPath: importPath, Err: err}
	}
	p.Name, p.Doc, p.Files = read.Name, read.Doc, read.Filenames
	p.Imports = slices.DeleteFunc(read.Imports, func(name string) bool { return !public(name) })
	return p, nil
}

// parse returns the files of the package, in the order of their names.
func parse(ctx context.Context, src fs.FS, importPath string, set *token.FileSet) ([]*ast.File, error) {
	entries, err := fs.ReadDir(src, importPath)
	if err != nil {
		return nil, err
	}
	target := linux(src)
	var files []*ast.File
	for _, entry := range entries {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		file, err := parseFile(src, target, path.Join(importPath, entry.Name()), set)
		if err != nil {
			return nil, err
		}
		if file == nil {
			continue
		}
		if len(files) > 0 && files[0].Name.Name != file.Name.Name {
			// go/doc would take the first name, and join the comments of both packages.
			return nil, fmt.Errorf("two packages in one folder: %s and %s", files[0].Name.Name, file.Name.Name)
		}
		files = append(files, file)
	}
	if files == nil {
		return nil, ErrNoSource
	}
	return files, nil
}

// parseFile returns nil for a file that is not part of the package.
func parseFile(src fs.FS, target *build.Context, name string, set *token.FileSet) (*ast.File, error) {
	if ok, err := belongs(target, name); !ok {
		return nil, err
	}
	// With only a name, the parser would look for it in the file system of the machine.
	text, err := fs.ReadFile(src, name)
	if err != nil {
		return nil, err
	}
	return parser.ParseFile(set, name, text, parser.ImportsOnly|parser.ParseComments)
}
