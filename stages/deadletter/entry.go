package deadletter

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// struck replaces a letter's first character, a brace, when the letter is removed and there is no
// room for a line that says so.
const struck = '-'

// span is the place of a letter in the file: from its first character to the end of its line.
type span struct{ at, n int64 }

func (s span) end() int64 { return s.at + s.n }

// entry is a line of the file as it was read.
type entry struct {
	span
	line  int    // its number, from 1
	text  []byte // the text in the span; valid until the next entry is read
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

// parse finds out what the text of an entry is. It does not parse the value.
func parse(e entry) entry {
	text := bytes.TrimSpace(e.text)
	e.dead = len(text) == 0 || text[0] == struck
	if e.dead {
		text = unstruck(text) // its number must not be given again
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

// unstruck returns the text with its brace, which may have been struck out.
func unstruck(text []byte) []byte {
	text = bytes.Clone(text)
	if len(text) > 0 && text[0] == struck {
		text[0] = '{'
	}
	return text
}

// removal returns the line that removes a letter.
func removal(id uint64) []byte { return fmt.Appendf(nil, "{\"removed\":%d}\n", id) }
