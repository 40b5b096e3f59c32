package weir_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const module = "github.com/weir-go/weir/"

// floors, from the ground up: a file imports from its own floor and below.
var floors = []string{"primitives", "stages", "flow", "examples", "bench"}

// outside is what the core's code, tests aside, may import beside the standard
// library, floor by floor.
var outside = map[string][]string{
	"stages": {"github.com/sourcegraph/conc"},
	"flow":   {"github.com/sourcegraph/conc"},
}

func TestImportsPointDown(t *testing.T) {
	files := 0
	require.NoError(t, filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") {
			return err
		}
		files++
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			if fault := wrong(filepath.ToSlash(path), name); fault != "" {
				t.Errorf("%s imports %s: %s", path, name, fault)
			}
		}
		return nil
	}))
	require.Greater(t, files, 50)
}

// wrong says what is wrong with the import of name by a file, "" for nothing.
func wrong(path, name string) string {
	floor, _, _ := strings.Cut(path, "/")
	level := slices.Index(floors, floor)
	if inside, ok := strings.CutPrefix(name, module); ok {
		target, _, _ := strings.Cut(inside, "/")
		if to := slices.Index(floors, target); to > level {
			return "floor " + target + " is above floor " + floor
		}
		return ""
	}
	core := level >= 0 && level <= slices.Index(floors, "flow")
	standard := !strings.Contains(strings.Split(name, "/")[0], ".")
	if core && !standard && !strings.HasSuffix(path, "_test.go") && !slices.Contains(outside[floor], name) {
		return "floor " + floor + " does without it"
	}
	return ""
}

func TestTheRuleItself(t *testing.T) {
	require.NotEmpty(t, wrong("primitives/guard/guard.go", module+"stages"))
	require.NotEmpty(t, wrong("stages/map.go", module+"flow"))
	require.NotEmpty(t, wrong("primitives/guard/guard.go", "github.com/sourcegraph/conc"))
	require.NotEmpty(t, wrong("flow/run.go", "go.uber.org/goleak"))
	require.Empty(t, wrong("flow/run_test.go", "go.uber.org/goleak"))
	require.Empty(t, wrong("flow/run.go", module+"primitives/guard"))
	require.Empty(t, wrong("examples/quickstart/main.go", module+"flow"))
}
