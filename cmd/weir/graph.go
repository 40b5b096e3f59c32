package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

type graphCommand struct {
	URL    string `arg:"" help:"Where the flow is shown."`
	Format string `help:"${enum}." enum:"mermaid,dot" default:"mermaid"`
}

// Help implements kong.HelpProvider.
func (graphCommand) Help() string {
	return `URL is that of a live page or of probe.Handler.

Examples:
  weir graph http://localhost:8080/live/
  weir graph http://localhost:8080/live/ --format dot | dot -Tsvg > flow.svg`
}

// Run prints the graph.
func (c graphCommand) Run(p *program) error {
	name := map[string]string{"mermaid": "graph.mmd", "dot": "graph.dot"}[c.Format]
	body, err := fetch(p.ctx, c.URL, name)
	if err != nil {
		return err
	}
	_, err = p.stdout.Write(body)
	return err
}

// fetch returns what is at a name below the URL of a flow.
func fetch(ctx context.Context, url, name string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if !strings.Contains(url, "://") {
		url = "http://" + url
	}
	url = strings.TrimSuffix(strings.TrimSuffix(url, "snapshot.json"), "/") + "/" + name
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s: is a flow shown there?", url, answer.Status)
	}
	return io.ReadAll(answer.Body)
}
