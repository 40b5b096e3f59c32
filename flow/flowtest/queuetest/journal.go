package queuetest

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// journal records what members have done, in order.
type journal struct {
	mu      sync.Mutex
	records []record
	times   map[string]int // by message
	members map[string]int // by member; 0 for a worker that has only started
	file    *os.File       // file to which worker processes append, nil without them
	rest    []byte         // of an incomplete line
}

// record says that a member has done the message with this payload.
type record struct {
	member, message string
	at              time.Time // when the journal got the record
}

func newJournal() *journal { return &journal{times: map[string]int{}, members: map[string]int{}} }

// done adds a record, and returns how often the message has been done by now.
func (j *journal) done(member, message string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.add(member, message)
}

func (j *journal) add(member, message string) int {
	j.records = append(j.records, record{member, message, time.Now()})
	j.members[member]++
	j.times[message]++
	return j.times[message]
}

// line is a record as worker processes write it.
func line(member, message string) []byte { return []byte(member + " " + message + "\n") }

// started is what a worker process writes when it can be signalled.
func started(member string) []byte { return []byte(member + "\n") }

// read reads what worker processes have written.
func (j *journal) read() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	more, err := io.ReadAll(j.file)
	if err != nil {
		return err
	}
	j.rest = append(j.rest, more...)
	for {
		line, rest, ok := bytes.Cut(j.rest, []byte("\n"))
		if !ok {
			return nil
		}
		j.rest = rest
		member, message, done := strings.Cut(string(line), " ")
		if done {
			j.add(member, message)
		} else {
			j.members[member] += 0
		}
	}
}

// unique returns the number of messages that are done.
func (j *journal) unique() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.times)
}

// by returns the number of records of a member.
func (j *journal) by(member string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.members[member]
}

// knows reports whether a worker process has started.
func (j *journal) knows(member string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	_, ok := j.members[member]
	return ok
}

// since returns how many records of a member, or of all if it is "", have come after a time.
func (j *journal) since(member string, t time.Time) (n int) {
	for _, r := range j.all() {
		if r.at.After(t) && (member == "" || r.member == member) {
			n++
		}
	}
	return n
}

func (j *journal) all() []record {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.records[:len(j.records):len(j.records)]
}

// repeats returns, for each member, how many messages of its records were done again.
func repeats(records []record) (by map[string]int, total int) {
	by, last := map[string]int{}, map[string]string{}
	for _, r := range records {
		if before, ok := last[r.message]; ok {
			by[before]++
			total++
		}
		last[r.message] = r.member
	}
	return by, total
}

// disorder returns the first message that was done before an earlier message of its key, "" if
// there is none. It ignores messages that come again.
func disorder(records []record) string {
	next, seen := map[string]int{}, map[string]bool{}
	for _, r := range records {
		if seen[r.message] {
			continue
		}
		seen[r.message] = true
		key, n := parse(r.message)
		if n != next[key] {
			return fmt.Sprintf("%s was done when %s#%d was due", r.message, key, next[key])
		}
		next[key]++
	}
	return ""
}

// name returns the payload of the n-th message of a key.
func name(key string, n int) string { return fmt.Sprintf("%s#%d", key, n) }

func parse(message string) (key string, n int) {
	key, number, _ := strings.Cut(message, "#")
	_, _ = fmt.Sscan(number, &n)
	return key, n
}
