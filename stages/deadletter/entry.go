package deadletter

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// struck takes the place of a letter's first character, a brace, when the letter is
// taken out and there is no room for a line that says so.
const struck = '-'

// span is where a letter stands in the file: from its first character up to the end
// of its line.
type span struct{ at, n int64 }

func (s span) end() int64 { return s.at + s.n }

// entry is a line of the file as it was read.
type entry struct {
	span
	line  int    // its number, from 1
	text  []byte // as much as the span has; valid until the next entry is read
	whole bool   // the line has its end

	id      uint64 // of a letter
	removed uint64 // the number that the line takes out
	dead    bool   // the line is blank, or struck out
	fault   error  // why the line is none of these
}

// eachEntry calls f for each line until f returns false.
func eachEntry(r io.Reader, f func(entry) bool) error {
	lines := bufio.NewReader(r)
	at := int64(0)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			text := bytes.TrimLeft(line, " \t\r")
			start := at + int64(len(line)-len(text))
			at += int64(len(line))
			if !f(parse(entry{span: span{start, int64(len(text))}, line: n, text: text, whole: err == nil})) {
				return nil
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// parse tells what the text of an entry is. It leaves the value alone.
func parse(e entry) entry {
	text := bytes.TrimSpace(e.text)
	e.dead = len(text) == 0 || text[0] == struck
	if e.dead {
		text = unstruck(text) // its number is not given again
	}
	var head struct{ ID, Removed uint64 }
	err := json.Unmarshal(text, &head)
	if err == nil && head.ID == 0 && head.Removed == 0 {
		err = errors.New("no id")
	}
	e.id, e.removed = head.ID, head.Removed
	if err != nil && !e.dead {
		e.fault = err
	}
	return e
}

// unstruck returns the text with the brace that may have been struck out.
func unstruck(text []byte) []byte {
	text = bytes.Clone(text)
	if len(text) > 0 && text[0] == struck {
		text[0] = '{'
	}
	return text
}

// removal is the line that takes a letter out.
func removal(id uint64) []byte { return fmt.Appendf(nil, "{\"removed\":%d}\n", id) }
