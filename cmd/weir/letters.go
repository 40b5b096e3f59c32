package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"
	"unicode"
)

type lsCommand struct {
	File string `arg:"" help:"File of letters."`
	filter
	JSON bool `help:"Print each letter as a line of JSON, with its value."`
}

// Help implements kong.HelpProvider.
func (lsCommand) Help() string {
	return `It can read the file while another process writes it.

Examples:
  weir letters ls dead.jsonl
  weir letters ls dead.jsonl --stage price --newer 1h
  weir letters ls dead.jsonl --cause 503 --json | jq -r .value.customer | sort | uniq -c`
}

// Run lists letters.
func (c lsCommand) Run(p *program) error {
	if c.JSON {
		return p.read(c.File, c.filter, func(l letter) error { return json.NewEncoder(p.stdout).Encode(l) })
	}
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tFAILED\tSTAGE\tATTEMPTS\tREPLAYS\tVALUE\tCAUSE")
	n := 0
	err := p.read(c.File, c.filter, func(l letter) error {
		n++
		_, err := fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%d\t%s\t%s\n", l.ID, l.Failed.UTC().Format(time.DateTime), short(l.Stage, 40), l.Attempts, l.Replays,
			short(string(l.Value), 40), short(l.Cause, 60))
		return err
	})
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		fmt.Fprintln(p.stderr, count(n, "letter"))
	}
	return err
}

// short cuts a text to n characters, in one line without control characters.
func short(text string, n int) string {
	runes := []rune(text)
	for i, r := range runes {
		if unicode.IsControl(r) {
			runes[i] = ' '
		}
	}
	if len(runes) <= n {
		return string(runes)
	}
	return string(runes[:n-1]) + "…"
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

type showCommand struct {
	File string   `arg:"" help:"File of letters."`
	IDs  []uint64 `arg:"" name:"id" help:"Numbers of letters." `
}

// Help implements kong.HelpProvider.
func (showCommand) Help() string {
	return `Examples:
  weir letters show dead.jsonl 17
  weir letters show dead.jsonl 17 18 | jq .value`
}

// Run shows letters.
func (c showCommand) Run(p *program) error {
	found := map[uint64]bool{}
	encoder := json.NewEncoder(p.stdout)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	err := p.read(c.File, filter{ID: c.IDs}, func(l letter) error {
		found[l.ID] = true
		return encoder.Encode(l)
	})
	for _, id := range c.IDs {
		if err == nil && !found[id] {
			err = fmt.Errorf("there is no letter %d", id)
		}
	}
	return err
}

type rmCommand struct {
	File string `arg:"" help:"File of letters."`
	filter
	All    bool `help:"All letters."`
	DryRun bool `help:"Only list the letters."`
}

// Help implements kong.HelpProvider.
func (rmCommand) Help() string {
	return `Letters that are taken out are lost. A filter or --all is needed.

Examples:
  weir letters rm dead.jsonl --id 17,18
  weir letters rm dead.jsonl --older 720h --dry-run`
}

// Run takes letters out.
func (c rmCommand) Run(p *program) (err error) {
	if c.All != c.empty() {
		return fmt.Errorf("%w: either a filter or --all says which letters to take out", errUsage)
	}
	if err := c.validate(); err != nil {
		return err
	}
	file, err := letters(c.File)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	n, verb := 0, "taken out"
	if c.DryRun {
		verb = "would be taken out"
	}
	for l, err := range file.Letters(p.ctx) {
		if err != nil {
			return err
		}
		if !c.matches(l) {
			continue
		}
		if !c.DryRun {
			if err := file.Remove(p.ctx, l.ID); err != nil {
				return err
			}
		}
		n++
		fmt.Fprintf(p.stdout, "%d\t%s\n", l.ID, verb)
	}
	fmt.Fprintf(p.stderr, "%s %s\n", count(n, "letter"), verb)
	return nil
}
