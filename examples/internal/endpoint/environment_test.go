package endpoint_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/examples/internal/endpoint"
)

func TestAKeyAloneIsLeftAlone(t *testing.T) {
	for name, tt := range map[string]struct{ url, key, wantURL, wantKey string }{
		"nothing":         {},
		"a key alone":     {key: "sk"},
		"a blank service": {url: " ", key: "sk"},
		"a service":       {url: " http://h/v1 ", key: "sk", wantURL: "http://h/v1", wantKey: "sk"},
		"without a key":   {url: "http://h/v1", wantURL: "http://h/v1"},
	} {
		t.Run(name, func(t *testing.T) {
			env := map[string]string{"OPENAI_BASE_URL": tt.url, "OPENAI_API_KEY": tt.key}
			url, key := endpoint.Environment(func(name string) string { return env[name] })
			require.Equal(t, tt.wantURL, url)
			require.Equal(t, tt.wantKey, key)
		})
	}
}

func ExampleEnvironment() {
	env := map[string]string{"OPENAI_BASE_URL": "http://localhost:11434/v1"}
	fmt.Println(endpoint.Environment(func(name string) string { return env[name] }))
	// Output: http://localhost:11434/v1
}
