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

// Whoever adds a stage, a source, a sink or a layer to package stages adds it to
// the tables of this package, too.
func TestNoneOfOursIsLeftOut(t *testing.T) {
	tables, err := os.ReadFile("ours_test.go")
	require.NoError(t, err)
	files, err := filepath.Glob("../../stages/*.go")
	require.NoError(t, err)
	found := 0
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !f.Name.IsExported() || !makes(f.Type) {
				continue
			}
			found++
			if !regexp.MustCompile(`\bstages\.` + f.Name.Name + `\b`).Match(tables) {
				t.Errorf("stages.%s is in none of the tables of ours_test.go", f.Name.Name)
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
	}
	ident, ok := name.(*ast.Ident)
	return ok && (ident.Name == "Stage" || ident.Name == "Source" || ident.Name == "Sink" || ident.Name == "Layer")
}
