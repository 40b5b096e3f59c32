package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/deadletter"
	"github.com/weir-go/weir/stages/sink"
)

type replayCommand struct {
	File string `arg:"" help:"File of letters."`
	filter
	Exec       string        `help:"Give each value to this shell command, on its standard input." xor:"to" placeholder:"COMMAND"`
	Post       string        `help:"Send each value to this URL, by POST." xor:"to" placeholder:"URL"`
	Max        int           `help:"Replay at most this number of letters, the oldest first." default:"100"`
	MaxReplays int           `help:"Leave out letters that were already replayed this often." default:"3"`
	Workers    int           `help:"How many values to give at the same time." default:"1"`
	Timeout    time.Duration `help:"How long the command or the URL may take for a value." default:"30s"`
	DryRun     bool          `help:"Only list the letters."`
}

// Help implements kong.HelpProvider.
func (replayCommand) Help() string {
	return `A letter is taken out when its command ends with status 0, or its URL answers with a status
from 200 to 299. If not, a new letter of the stage "replay" takes its place, with the new cause and one more
replay. The exit status is 1 if a letter failed again. If the process that writes the file is running, use its
live page instead.

Examples:
  weir letters replay dead.jsonl --dry-run --stage price
  weir letters replay dead.jsonl --post http://localhost:8080/orders --cause 503 --max 10
  weir letters replay dead.jsonl --exec 'jq .customer | xargs notify' --max-replays 1`
}

// Run replays letters.
func (c *replayCommand) Run(p *program) (err error) {
	deliver, err := c.deliverer(p)
	if err != nil {
		return err
	}
	file, err := letters(c.File)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	left := c.Max
	choose := func(l letter) bool {
		if left == 0 || !c.matches(l) || l.Replays >= c.MaxReplays {
			return false
		}
		left--
		return true
	}
	if c.DryRun {
		return c.preview(p, file, choose)
	}
	return c.replay(p, &deadletter.Replay[json.RawMessage]{Store: file, Where: choose}, deliver)
}

// preview lists what would be replayed.
func (c *replayCommand) preview(p *program, file *deadletter.File[json.RawMessage], choose func(letter) bool) error {
	n := 0
	for l, err := range file.Letters(p.ctx) {
		if err != nil {
			return err
		}
		if choose(l) {
			n++
			fmt.Fprintf(p.stdout, "%d\twould be replayed\n", l.ID)
		}
	}
	fmt.Fprintf(p.stderr, "%s would be replayed\n", count(n, "letter"))
	return nil
}

// replay is a flow: letters that fail again are put back by its dead-letter stage.
func (c *replayCommand) replay(p *program, source *deadletter.Replay[json.RawMessage], deliver func(context.Context, json.RawMessage) error) error {
	once := func(ctx context.Context, v json.RawMessage) (json.RawMessage, error) {
		ctx, cancel := context.WithTimeout(ctx, c.Timeout)
		defer cancel()
		return v, deliver(ctx, v)
	}
	again := func(ctx context.Context, e *stages.ItemError) error {
		fmt.Fprintf(p.stderr, "weir: failed again: %v\n", e.Err)
		return source.Store.Put(ctx, e)
	}
	_, err := flow.From(source).Map("replay", once, stages.Workers(c.Workers)).DeadLetter(again).
		To(sink.ForEach(func(context.Context, json.RawMessage) error { return nil })).
		Run(p.ctx, flow.Named("replay"))
	r := source.Report()
	fmt.Fprintf(p.stderr, "%s replayed: %d done, %d failed again, %d not settled\n", count(int(r.Replayed), "letter"), r.Done, r.Failed, r.Unsettled)
	if err == nil && r.Failed > 0 {
		err = fmt.Errorf("%s failed again", count(int(r.Failed), "letter"))
	}
	return err
}

// deliverer returns what is done with a value.
func (c *replayCommand) deliverer(p *program) (func(context.Context, json.RawMessage) error, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	to, err := url.Parse(c.Post)
	switch {
	case c.Max < 1 || c.MaxReplays < 1:
		return nil, fmt.Errorf("%w: --max and --max-replays must be at least 1", errUsage)
	case c.Workers < 1:
		return nil, fmt.Errorf("%w: --workers must be at least 1", errUsage)
	case c.Timeout <= 0:
		return nil, fmt.Errorf("%w: --timeout must be above 0", errUsage)
	case c.Post != "" && (err != nil || to.Host == "" || to.Scheme != "http" && to.Scheme != "https"):
		return nil, fmt.Errorf("%w: --post %q is no URL that begins with http:// or https://", errUsage, c.Post)
	case c.DryRun:
		return nil, nil
	case c.Exec != "":
		return c.shell(p), nil
	case c.Post != "":
		return c.send, nil
	}
	return nil, fmt.Errorf("%w: --exec or --post says where the values go", errUsage)
}

// shell gives a value to a command. What the command writes goes to our own output.
func (c *replayCommand) shell(p *program) func(context.Context, json.RawMessage) error {
	return func(ctx context.Context, v json.RawMessage) error {
		cmd := exec.CommandContext(ctx, "sh", "-c", c.Exec)
		var faults bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = io.MultiReader(bytes.NewReader(v), strings.NewReader("\n")), p.stdout, &faults
		cmd.WaitDelay = time.Second // a process that the command leaves behind may keep its output open
		ownGroup(cmd)
		err := cmd.Run()
		switch {
		case err == nil, errors.Is(err, exec.ErrWaitDelay): // status 0
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("the command was stopped: %w", ctx.Err())
		}
		return errors.Join(err, text(faults.String()))
	}
}

// send sends a value to the URL.
func (c *replayCommand) send(ctx context.Context, v json.RawMessage) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Post, bytes.NewReader(v))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
	if err == nil && (answer.StatusCode < 200 || answer.StatusCode > 299) {
		err = errors.Join(errors.New(answer.Status), text(string(body)))
	}
	return err
}

// text returns the first part of what others said as an error, nil if they said nothing.
func text(said string) error {
	if said = strings.TrimSpace(said); said == "" {
		return nil
	}
	return errors.New(short(said, 200))
}
