package glossary_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/examples/internal/glossary"
	"github.com/weir-go/weir/examples/internal/godoc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTerms(t *testing.T) {
	got := glossary.Terms(godoc.Package{ImportPath: "net/http", Imports: []string{"bufio", "io"}})
	require.Equal(t, []glossary.Term{
		{Package: "net/http", Name: "net/http"},
		{Package: "net/http", Name: "bufio"},
		{Package: "net/http", Name: "io"},
	}, got)
}

func TestEntryIsOneFlatObject(t *testing.T) {
	got, err := json.Marshal(glossary.Term{Package: "net/http", Name: "io"}.Entry("Package io reads."))
	require.NoError(t, err)
	require.Equal(t, `{"package":"net/http","term":"io","summary":"Package io reads."}`, string(got))
}

// The stand-in takes the text after the first empty line for the documentation.
func TestDocumentationFollowsTheFirstEmptyLine(t *testing.T) {
	q := glossary.Question("m", godoc.Package{ImportPath: "a/b", Name: "b", Doc: "Package b is.\n\nLong.\n"})
	require.Equal(t, "m", q.Model)
	head, text, found := strings.Cut(q.Prompt, "\n\n")
	require.True(t, found)
	require.Contains(t, head, "a/b")
	require.Equal(t, "Package b is.\n\nLong.\n", text)
}

func TestQuestionSaysWhenThereIsNoDocumentation(t *testing.T) {
	q := glossary.Question("m", godoc.Package{ImportPath: "a/b", Name: "b"})
	require.Contains(t, q.Prompt, "\n\nPackage b has no documentation.")
}

func TestLongDocumentationIsCutAtALine(t *testing.T) {
	lines := "Package b is.\n" + strings.Repeat("0123456789\n", 1000)
	tests := []struct{ name, doc, end string }{
		{"at a line", lines, "0123456789\n"},
		{"at a character", "." + strings.Repeat("é", 5000), "é"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q := glossary.Question("m", godoc.Package{ImportPath: "b", Name: "b", Doc: tt.doc})
			_, text, _ := strings.Cut(q.Prompt, "\n\n")
			require.LessOrEqual(t, len(text), 4000)
			require.Greater(t, len(text), 3900)
			require.True(t, strings.HasPrefix(tt.doc, text))
			require.True(t, strings.HasSuffix(text, tt.end))
			require.True(t, utf8.ValidString(text))
		})
	}
}
