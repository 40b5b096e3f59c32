package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestABadRequestSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	f := stand(t, echo, func(c *config) { c.model = "" })
	tests := []struct {
		name, body string
		header     []string
		status     int
		want       string
	}{
		{"empty", "", nil, 400, "the request is not a JSON object: EOF"},
		{"not JSON", "hello", nil, 400, "the request is not a JSON object: invalid character 'h' looking for beginning of value"},
		{"not an object", "[]", nil, 400, "the request is not a JSON object: json: cannot unmarshal array into Go value of type map[string]interface {}"},
		{"null", "null", nil, 400, "the request is not a JSON object: it is null"},
		{"two", `{"model":"m","messages":[{"role":"user"}]} {}`, nil, 400, "the request goes on after its JSON object"},
		{"all that is missing", `{}`, nil, 400, "model is missing, and the gateway was started without one; messages is missing or not a list"},
		{"of the wrong types", `{"model":1,"messages":["m",{"role":"user"},{"content":"c"}]}`, nil, 400,
			"model is not a string; messages[0] is not an object; messages[2].role is missing"},
		{"no messages", `{"model":"m","messages":[]}`, nil, 400, "messages is empty"},
		{"a stream", `{"model":"m","messages":[{"role":"user"}],"stream":true}`, nil, 400, "stream is not supported: leave it out or set it to false"},
		{"no time", `{"model":"m","messages":[{"role":"user"}]}`, []string{"Prefer", "wait=soon"}, 400, "header Prefer: wait=soon is not a number of whole seconds"},
		{"much ado about time", `{"model":"m","messages":[{"role":"user"}]}`, []string{"Prefer", "wait=" + strings.Repeat("é", 5000)}, 400,
			"header Prefer: wait=" + strings.Repeat("é", (maxMessage-20)/2) + "…"},
		{"too long", strings.Repeat(" ", maxBody+1), nil, 413, "the request is longer than 1048576 bytes"},
		{"too many values", `{"messages":[` + strings.Repeat("0,", maxValues) + `0]}`, nil, 400, "the request has more than 20000 names and values"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := f.post(t.Context(), tt.body, tt.header...)
			require.NoError(t, err)
			require.Equal(t, tt.status, a.status, a.body)
			require.Equal(t, tt.want, message(t, a))
			require.Empty(t, a.header.Get("Server-Timing"), "it did not reach the flow")
		})
	}
	require.EqualValues(t, 0, f.figure("flow", "ledger", "in"))
}

func TestOtherRoutesAndMethods(t *testing.T) {
	f := stand(t, echo)
	for path, want := range map[string]int{"/v1/chat/completions": 405, "/v1/embeddings": 404} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+path, nil)
		require.NoError(t, err)
		a, err := f.do(r)
		require.NoError(t, err)
		require.Equal(t, want, a.status, path)
	}
}

func TestPatience(t *testing.T) {
	tests := []struct {
		name   string
		prefer []string
		want   time.Duration
	}{
		{"none", nil, time.Minute},
		{"others", []string{"respond-async", "handling=lenient"}, time.Minute},
		{"among others", []string{"respond-async, Wait = 10, handling=lenient"}, 10 * time.Second},
		{"in a line of its own", []string{"respond-async", "wait=0"}, 0},
		{"longer than the gateway's", []string{"wait=61"}, time.Minute},
		{"very much longer", []string{"wait=2147483647"}, time.Minute},
		{"the first counts", []string{"wait=1, wait=2"}, time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := patience(http.Header{"Prefer": tt.prefer}, time.Minute)
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
	for _, wrong := range []string{"wait", "wait=-1", "wait=1.5", "wait=99999999999"} {
		_, err := patience(http.Header{"Prefer": {wrong}}, time.Minute)
		require.Error(t, err, wrong)
	}
}

// FuzzDecode: whatever the body, decode does not panic, and a request that it takes is
// equal to itself decoded again.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"", "{}", "null", `{"messages":[{"role":"user","content":"c"}],"seed":9223372036854775807}`, `{"messages":[{"role":1e999}]}`, `{"messages":[null]}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		take := func(body string) (request, error) { return decode([]byte(body), "m") }
		once, err := take(body)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		twice, err := take(string(once.body))
		require.NoError(t, err)
		require.Equal(t, once.key(), twice.key())
	})
}
