package flowtest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A stage, a source, a sink or a layer that is added to the packages below stages is added to
// the tables of this package as well.
func TestNoneOfOursIsLeftOut(t *testing.T) {
	tables, err := os.ReadFile("ours_test.go")
	require.NoError(t, err)
	var files []string
	for _, dir := range []string{"operator", "source", "sink", "section", "deadletter"} {
		some, err := filepath.Glob("../../stages/" + dir + "/*.go")
		require.NoError(t, err)
		files = append(files, some...)
	}
	found := 0
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !f.Name.IsExported() || f.Name.Name == "Use" || !makes(f.Type) {
				continue
			}
			found++
			name := filepath.Base(filepath.Dir(path)) + "." + f.Name.Name
			if !regexp.MustCompile(`\b` + regexp.QuoteMeta(name) + `\b`).Match(tables) {
				t.Errorf("%s is in none of the tables of ours_test.go", name)
			}
		}
	}
	require.Greater(t, found, 25)
}

// makes reports a function that returns something with a contract.
func makes(f *ast.FuncType) bool {
	if f.Results == nil || len(f.Results.List) == 0 {
		return false
	}
	var name ast.Expr
	switch result := f.Results.List[0].Type.(type) {
	case *ast.IndexExpr:
		name = result.X
	case *ast.IndexListExpr:
		name = result.X
	default:
		name = result
	}
	if s, ok := name.(*ast.SelectorExpr); ok {
		name = s.Sel
	}
	ident, ok := name.(*ast.Ident)
	return ok && (ident.Name == "Stage" || ident.Name == "Source" || ident.Name == "Sink" || ident.Name == "Layer")
}
