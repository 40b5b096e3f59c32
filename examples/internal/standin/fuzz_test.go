package standin

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzFirstSentence: whatever the prompt, the answer is one line and not empty. So no
// answer of the stand-in looks like a fault to a client.
func FuzzFirstSentence(f *testing.F) {
	for _, seed := range []string{"", "a", "x\n\nPackage a. B.", "x\n\n# H\n\n\tcode\n", "x\n\nCopyright y", "\n\n\x00.\r\n", "x\n\n[a]: b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, prompt string) {
		got := firstSentence(prompt)
		require.NotEmpty(t, strings.TrimSpace(got))
		require.NotContains(t, got, "\n")
		require.Equal(t, got, firstSentence(prompt))
	})
}
