package main

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// environment is a getenv over a few names.
func environment(pairs ...string) func(string) string {
	return func(name string) string {
		if i := slices.Index(pairs, name); i >= 0 {
			return pairs[i+1]
		}
		return ""
	}
}

func parse(args string, env ...string) (config, error) {
	c := defaults()
	err := c.program().Parse(strings.Fields(args), environment(env...), io.Discard)
	return c, err
}

func TestParse(t *testing.T) {
	base := defaults()
	base.model = "first-sentence"
	with := func(change func(*config)) config {
		c := base
		change(&c)
		return c
	}
	tests := []struct {
		name string
		args string
		env  []string
		want config
	}{
		{"no configuration is the stand-in", "", nil, base},
		{"a real service", "-model gpt", []string{"OPENAI_BASE_URL", " http://h/v1 ", "OPENAI_API_KEY", "sk"},
			with(func(c *config) { c.model, c.baseURL, c.key = "gpt", "http://h/v1", "sk" })},
		{"a real service, and clients that name the model", "", []string{"OPENAI_BASE_URL", "http://h/v1"},
			with(func(c *config) { c.model, c.baseURL = "", "http://h/v1" })},
		{"every flag", "-addr :0 -model m -limit 3 -workers 4 -clients 5 -timeout 2s -wait 4s -transfer 6s -keep 3s -cache 7 -drain 5s", nil,
			config{addr: ":0", model: "m", limit: 3, workers: 4, clients: 5, timeout: 2 * time.Second, wait: 4 * time.Second,
				transfer: 6 * time.Second, keep: 3 * time.Second, cache: 7, drain: 5 * time.Second}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parse(tt.args, tt.env...)
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestParseSaysWhatIsWrongInOneLine(t *testing.T) {
	tests := []struct{ name, args, want string }{
		{"all together", "-addr here -limit 0 -workers 0 -clients 0 -timeout 0s -wait 0s -transfer 0s -keep 0s -cache 0 -drain -1s",
			`-addr "here" is not host:port; -limit 0 is not between 1 and 100000; -workers 0 is not between 1 and 1000; ` +
				"-clients 0 is not between 1 and 1000000; -timeout 0s is not above 0; -wait 0s is not above -timeout 0s; " +
				"-transfer 0s is not above 0 and at most 24h0m0s; -keep 0s is not above 0; -cache 0 is not between 1 and 1000000; -drain -1s is not above 0"},
		{"a client that leaves before the model's time is up", "-timeout 30s -wait 30s", "-wait 30s is not above -timeout 30s"},
		{"times that cannot be added up", "-wait 2562047h -transfer 2562047h",
			"-wait 2562047h0m0s is above 24h0m0s; -transfer 2562047h0m0s is not above 0 and at most 24h0m0s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse(tt.args)
			require.EqualError(t, err, tt.want)
		})
	}
}
