package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/weir-go/weir/examples/internal/endpoint"
	"github.com/weir-go/weir/examples/internal/godoc"
	"github.com/weir-go/weir/examples/internal/livepage"
	"github.com/weir-go/weir/examples/internal/standin"
	"github.com/weir-go/weir/examples/quickstart/internal/progress"
)

func main() {
	c := defaults()
	c.program().Main()
}

// patience is how long the service may be down before the run ends with an error.
const patience = 15 * time.Second

// compile writes the glossary and prints the report.
func (c *config) compile(ctx context.Context, stdout, stderr io.Writer) (err error) {
	dir, err := godoc.Source(ctx)
	if err != nil {
		return err
	}
	src := os.DirFS(dir)
	names, err := godoc.List(src)
	if err != nil {
		return err
	}
	if c.limit > 0 {
		names = names[:min(c.limit, len(names))]
	}
	// The service comes after all that can fail without it. The file comes last,
	// because to open it deletes its content.
	service, err := endpoint.Connect(ctx, c.endpoint(), standin.Typical())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, service.Close()) }()
	page, err := livepage.Open(c.live, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, page.Close()) }()
	out, err := c.open(stdout)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	summary := stdout
	if c.out == "-" {
		summary = stderr
	}
	fmt.Fprintf(stderr, "%d packages in %s, summarised by %s at %s\n", len(names), dir, c.model, service.Base)

	s := &survey{
		src: src, names: names, model: c.model, workers: c.workers, client: service.Client,
		out: out, progress: progress.New(stderr, 0),
		outage: &outage{patience: patience, began: time.Now()}, page: page,
	}
	rep, err := s.run(ctx)
	s.progress.Close()
	if rep == nil {
		return err
	}
	return errors.Join(err, summarize(summary, rep, s.outage, service.Standin))
}

// open opens the output for the glossary.
func (c config) open(stdout io.Writer) (io.WriteCloser, error) {
	if c.out == "-" {
		return unclosed{stdout}, nil
	}
	return os.Create(c.out)
}

// unclosed is a writer that its owner closes.
type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }
