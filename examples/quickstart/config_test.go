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
	base := config{model: "first-sentence", out: "summaries.jsonl", workers: 16, timeout: 30 * time.Second}
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
		{"every flag", "-model m -out - -workers 4 -limit 10 -timeout 2s", nil,
			config{model: "m", out: "-", workers: 4, limit: 10, timeout: 2 * time.Second}},
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
	tests := []struct {
		name, args string
		env        []string
		want       string
	}{
		{"no model", "", []string{"OPENAI_BASE_URL", "http://h/v1"}, "-model is needed with OPENAI_BASE_URL"},
		{"all together", "-out= -workers 0 -limit -1 -timeout 0s", nil,
			"-out is empty; -workers 0 is not between 1 and 1000; -limit -1 is below 0; -timeout 0s is not above 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse(tt.args, tt.env...)
			require.EqualError(t, err, tt.want)
		})
	}
}
