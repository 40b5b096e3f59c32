package deadletter

import (
	"bytes"
	"errors"
)

var (
	errNoGap  = errors.New("the next letter does not fit into the first gap")
	errInRead = errors.New("the file is being read")
)

// squeeze frees room inside the file: it needs none on the disk, and no second file.
// It copies what is live from behind the first gap of dead lines into that gap, and
// cuts off all that comes behind the copies.
//
//	before:  [1][2][3]...........[7]..[9]...
//	copied:  [1][2][3][7][9]-....[7]..[9]...
//	cut:     [1][2][3][7][9]
//
// A crash at any time loses nothing:
//   - The letters in the gap are struck out before anything is written over. So none
//     comes alive if the line that takes it out is lost first.
//   - The place of the copies is blank before they come. So what is half written is
//     never read together with what stood there.
//   - Before the copies are on disk the originals stand. After that each letter
//     stands there twice until the cut is on disk, and the later one counts.
//   - The mark behind the copies strikes out the rest of the line that they end in.
//   - Letters in front of the gap are live, so the cut takes away no line that takes
//     one of them out.
func (j *journal) squeeze() error {
	if j.waits = j.readers > 0; j.waits {
		return errInRead
	}
	g, err := j.firstGap()
	if err != nil {
		return err
	}
	if err := j.strikeOut(g); err != nil {
		return err
	}
	if err := j.overwrite(g.blank(), g.at); err != nil {
		return err
	}
	if err := j.overwrite(g.copies, g.at); err != nil {
		return err
	}
	if err := j.file.Truncate(g.end()); err != nil {
		return err // the account still describes the originals
	}
	for id, s := range g.moved {
		j.alive[id] = s
	}
	j.size, j.torn, j.unended = g.end(), false, false
	return j.file.Sync()
}

// gap is a run of dead lines, with the lines that will move there.
type gap struct {
	at, size int64
	closed   bool            // the gap is complete
	dead     []span          // dead letters in the gap
	copies   []byte          // live lines after the gap
	moved    map[uint64]span // new places of their letters
}

// end is where the copies end.
func (g *gap) end() int64 { return g.at + int64(len(g.copies)) }

// full reports that the copies and the mark have no room. The end of the last line
// of the gap is no room: without it the next line would be struck out, too.
func (g *gap) full() bool { return g.end()+1 >= g.at+g.size }

// blank returns the text that fills the place of the copies before they come.
func (g *gap) blank() []byte {
	return append(bytes.Repeat([]byte{'\n'}, len(g.copies)), struck)
}

// take adds a line to the copies.
func (g *gap) take(e entry) {
	text := copied(e)
	if e.fault == nil && e.id > 0 {
		g.moved[e.id] = span{g.end(), int64(len(text))}
	}
	g.copies = append(g.copies, text...)
}

// firstGap returns the first gap, or an error if the copies have no room there.
func (j *journal) firstGap() (g gap, err error) {
	g.moved = map[uint64]span{}
	before := int64(0) // end of the line before
	err = j.eachLine(func(e entry, live bool) bool {
		switch {
		case live && g.size > 0:
			g.take(e)
			return !g.full()
		case j.tellsLast(e):
			g.closed = true
		case !live && len(g.copies) == 0 && !g.closed:
			g.widen(before, e)
		}
		before = e.end()
		return true
	})
	if err == nil && g.full() {
		err = errNoGap
	}
	return g, err
}

// tellsLast reports a line that keeps the highest number from being given again. It is not
// overwritten: a crash could lose the number.
func (j *journal) tellsLast(e entry) bool {
	_, alive := j.alive[j.last]
	return !alive && (e.id == j.last || e.removed == j.last)
}

// widen adds a dead line to the gap. The line before ends at before.
func (g *gap) widen(before int64, e entry) {
	if g.size == 0 {
		g.at = before
	}
	g.size = e.end() - g.at
	if e.id > 0 {
		g.dead = append(g.dead, e.span)
	}
}

// strikeOut marks the letters that will be written over.
func (j *journal) strikeOut(g gap) error {
	for _, s := range g.dead {
		if s.at > g.end() {
			break // the gap stays as it is
		}
		if _, err := j.file.WriteAt([]byte{struck}, s.at); err != nil {
			return err
		}
	}
	return j.file.Sync()
}

// overwrite overwrites dead bytes.
func (j *journal) overwrite(b []byte, at int64) error {
	_, err := j.file.WriteAt(b, at)
	if err == nil {
		err = j.file.Sync()
	}
	return err
}
