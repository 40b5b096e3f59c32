package readme

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// All the Go in the README is in snippets_test.go or in the program hello as well, and so it
// compiles.
func TestReadmeCompiles(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	code, err := os.ReadFile("snippets_test.go")
	require.NoError(t, err)
	program, err := os.ReadFile("hello/main.go")
	require.NoError(t, err)
	code = append(code, program...)
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	require.NotEmpty(t, blocks)
	for _, b := range blocks {
		require.Contains(t, folded(string(code)), folded(b[1]))
	}
}

// folded has single spaces in place of all white space.
func folded(s string) string { return strings.Join(strings.Fields(s), " ") }
