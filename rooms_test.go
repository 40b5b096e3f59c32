package weir_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
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

// rooms, from the ground up: the longest prefix of a file's folder says which room it is in. A
// file imports from its own room, and from rooms with a smaller number.
var rooms = map[string]int{
	"primitives":        10,
	"internal/delay":    20,
	"internal/buckets":  20,
	"internal/fault":    20,
	"internal/lineage":  25,
	"internal/account":  27,
	"internal/handoff":  28,
	"internal/kernel":   30,
	"internal/turn":     35,
	"internal/typed":    40,
	"stages":            50,
	"internal/rig":      60,
	"stages/internal":   60,
	"stages/source":     70,
	"stages/sink":       70,
	"stages/operator":   70,
	"stages/ack":        70,
	"stages/deadletter": 70,
	"stages/topic":      70,
	"stages/section":    70,
	"stages/natsio":     75,
	"stages/pgio":       75,
	"stages/redisio":    75,
	"stages/kafkaio":    75,
	"flow":              80,
	"flow/probe":        85,
	"flow/live":         90,
	"cmd":               90,
	"flow/promflow":     90,
	"flow/otelflow":     90,
	"examples":          90,
	"bench":             90,
}

// ownRoom has the rooms that do not import from their own floor: each stands alone.
var ownRoom = []string{"internal/turn", "stages/source", "stages/sink", "stages/operator", "stages/ack", "stages/deadletter", "stages/section", "stages/topic"}

// outside is what the core's code, tests aside, may import beside the standard library.
var outside = map[string][]string{
	"stages/operator": {"github.com/sourcegraph/conc"},
	"stages/internal": {"github.com/sourcegraph/conc"},
	"flow":            {"github.com/sourcegraph/conc"},
	"stages/natsio":   {"github.com/nats-io/nats.go", "github.com/nats-io/nats.go/jetstream"},
	"stages/pgio":     {"github.com/jackc/pgx/v5", "github.com/jackc/pgx/v5/pgconn", "github.com/jackc/pgx/v5/pgxpool"},
	"stages/redisio":  {"github.com/redis/go-redis/v9", "github.com/redis/go-redis/v9/maintnotifications"},
	"stages/kafkaio":  {"github.com/twmb/franz-go/pkg/kgo", "github.com/twmb/franz-go/pkg/kerr", "github.com/twmb/franz-go/pkg/kmsg"},
}

func TestImportsPointDown(t *testing.T) {
	files := 0
	require.NoError(t, filepath.WalkDir(".", func(file string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(file, ".go") {
			return err
		}
		files++
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range parsed.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			if fault := wrong(filepath.ToSlash(file), name); fault != "" {
				t.Errorf("%s imports %s: %s", file, name, fault)
			}
		}
		return nil
	}))
	require.Greater(t, files, 50)
}

// room returns the room of a folder.
func room(folder string) string {
	for folder != "." && folder != "/" {
		if _, ok := rooms[folder]; ok {
			return folder
		}
		folder = path.Dir(folder)
	}
	return ""
}

// wrong says what is wrong with the import of name by a file, "" if nothing is. Tests may look
// at everything: they are other packages.
func wrong(file, name string) string {
	from := room(path.Dir(file))
	if from == "" || strings.HasSuffix(file, "_test.go") && !strings.HasPrefix(from, "primitives") {
		return ""
	}
	if inside, ok := strings.CutPrefix(name, module); ok {
		to := room(inside)
		switch {
		case to == "":
			return "it is in no room: add it to the table"
		case rooms[to] > rooms[from]:
			return to + " is above " + from
		case to != from && rooms[to] == rooms[from] && slices.Contains(ownRoom, to) && slices.Contains(ownRoom, from):
			return to + " stands beside " + from
		}
		return ""
	}
	core := rooms[from] <= rooms["flow"]
	standard := !strings.Contains(strings.Split(name, "/")[0], ".")
	if core && !standard && !strings.HasSuffix(file, "_test.go") && !slices.Contains(outside[from], name) {
		return from + " does without it"
	}
	return ""
}

func TestTheRuleItself(t *testing.T) {
	require.NotEmpty(t, wrong("primitives/guard/guard.go", module+"stages"))
	require.NotEmpty(t, wrong("primitives/guard/guard_test.go", module+"stages"))
	require.NotEmpty(t, wrong("internal/kernel/edge.go", module+"stages"))
	require.NotEmpty(t, wrong("internal/handoff/edge.go", module+"internal/kernel"))
	require.NotEmpty(t, wrong("internal/lineage/limit.go", module+"internal/kernel"))
	require.NotEmpty(t, wrong("internal/kernel/inlet.go", module+"internal/turn"))
	require.NotEmpty(t, wrong("stages/item.go", module+"stages/operator"))
	require.NotEmpty(t, wrong("stages/operator/map.go", module+"flow"))
	require.NotEmpty(t, wrong("stages/operator/map.go", module+"stages/section"))
	require.NotEmpty(t, wrong("primitives/guard/guard.go", "github.com/sourcegraph/conc"))
	require.NotEmpty(t, wrong("flow/run.go", "go.uber.org/goleak"))
	require.Empty(t, wrong("flow/run_test.go", "go.uber.org/goleak"))
	require.Empty(t, wrong("flow/run.go", module+"primitives/guard"))
	require.Empty(t, wrong("stages/operator/map.go", module+"internal/kernel"))
	require.Empty(t, wrong("stages/operator/map_test.go", module+"flow"))
	require.Empty(t, wrong("examples/quickstart/main.go", module+"flow"))
}
