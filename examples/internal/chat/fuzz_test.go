package chat

import (
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// FuzzRetryAfter: whatever the header, the wait is never negative, and an empty header
// is not taken for one that says "at once".
func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "0", "1", " 2 ", "-1", "1.5", "1e300", "NaN", "Inf", "9223372036854775807",
		"Mon, 02 Jan 2006 15:04:05 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "soon"} {
		f.Add(seed, "")
		f.Add(seed, "Mon, 02 Jan 2006 15:04:00 GMT")
	}
	f.Fuzz(func(t *testing.T, text, date string) {
		header := http.Header{"Retry-After": {text}, "Date": {date}}
		wait, told := retryAfter(header)
		require.GreaterOrEqual(t, wait, time0)
		if strings.TrimSpace(text) == "" {
			require.False(t, told)
		}
		if !told {
			require.Zero(t, wait)
		}
	})
}

// FuzzExcerpt: whatever the body, the excerpt is one short line of valid text.
func FuzzExcerpt(f *testing.F) {
	f.Add([]byte(`{"error":{"message":"a\nb","code":"x"}}`))
	f.Add([]byte("<html>\n<body>"))
	f.Add([]byte(strings.Repeat("世", 300)))
	f.Fuzz(func(t *testing.T, body []byte) {
		line := excerpt(body)
		require.LessOrEqual(t, len(line), 200)
		require.True(t, utf8.ValidString(line))
		require.False(t, strings.ContainsAny(line, "\r\n"))
	})
}
