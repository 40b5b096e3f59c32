package deadletter

import (
	"errors"
	"io"
	"os"
	"slices"
	"time"
)

var errNoRoom = errors.New("no room")

// memDisk is a disk in memory. It has room for so many bytes, its operations can be
// made to fail, and a crash leaves of what was not synced as much as chance will.
type memDisk struct {
	names   map[string]*inode // as programs see it
	onDisk  map[string]*inode // as a crash leaves it
	locked  map[string]bool
	room    int                         // bytes in all, 0 for no bound
	faults  func(op, path string) error // of the next operation; nil for none
	chance  func(n int) int             // of [0, n), for what a crash leaves
	noPlace bool                        // directories cannot be synced
}

func newMemDisk() *memDisk {
	return &memDisk{names: map[string]*inode{}, onDisk: map[string]*inode{}, locked: map[string]bool{}}
}

// inode is a file: as programs see it, as it is on disk, and what is in between.
type inode struct {
	data, onDisk []byte
	pending      []change
}

// change is a piece of a write, or a truncation if data is nil.
type change struct {
	at   int64
	data []byte
}

// apply changes the bytes, in place if they have room.
func (c change) apply(to []byte) []byte {
	end := c.at + int64(len(c.data))
	if grown := end - int64(len(to)); grown > 0 {
		to = append(to, make([]byte, grown)...)
	}
	if c.data == nil {
		return to[:c.at]
	}
	copy(to[c.at:], c.data)
	return to
}

// crash ends all processes. Some of the pieces of each write that was not synced are
// on disk, and some are not.
func (d *memDisk) crash() {
	for _, node := range d.onDisk {
		for _, c := range node.pending {
			if d.chance(2) == 0 {
				node.onDisk = c.apply(node.onDisk)
			}
		}
	}
	if d.chance(2) == 0 { // or the directory, too, was on its way
		d.onDisk = map[string]*inode{}
		for name, node := range d.names {
			d.onDisk[name] = node
		}
	}
	d.names, d.locked = map[string]*inode{}, map[string]bool{}
	for name, node := range d.onDisk {
		fresh := &inode{data: slices.Clone(node.onDisk), onDisk: slices.Clone(node.onDisk)}
		d.names[name], d.onDisk[name] = fresh, fresh
	}
}

func (d *memDisk) fault(op, path string) error {
	if d.faults == nil {
		return nil
	}
	return d.faults(op, path)
}

func (d *memDisk) resolve(path string) (string, error) {
	f, err := d.open(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", err
	}
	return path, f.Close()
}

func (d *memDisk) lock(path string) (io.Closer, error) {
	if err := d.fault("lock", path); err != nil {
		return nil, err
	}
	if d.locked[path] {
		return nil, &LockedError{Path: path}
	}
	d.locked[path] = true
	return closer(func() { delete(d.locked, path) }), nil
}

type closer func()

func (c closer) Close() error { c(); return nil }

func (d *memDisk) open(path string, flag int, _ os.FileMode) (file, error) {
	if err := d.fault("open", path); err != nil {
		return nil, err
	}
	node := d.names[path]
	switch {
	case node == nil && flag&os.O_CREATE == 0:
		return nil, &os.PathError{Op: "open", Path: path, Err: os.ErrNotExist}
	case node != nil && flag&os.O_EXCL != 0:
		return nil, &os.PathError{Op: "open", Path: path, Err: os.ErrExist}
	case node == nil:
		node = &inode{}
		d.names[path] = node
	}
	return &memFile{disk: d, path: path, node: node}, nil
}

func (d *memDisk) rename(from, to string) error {
	if err := d.fault("rename", from); err != nil {
		return err
	}
	d.names[to] = d.names[from]
	delete(d.names, from)
	return nil
}

func (d *memDisk) remove(path string) error {
	if err := d.fault("remove", path); err != nil {
		return err
	}
	if d.names[path] == nil {
		return os.ErrNotExist
	}
	delete(d.names, path)
	return nil
}

func (d *memDisk) syncDir(path string) error {
	if err := d.fault("syncDir", path); err != nil {
		return err
	}
	if d.noPlace {
		return errors.ErrUnsupported
	}
	d.onDisk = map[string]*inode{}
	for name, node := range d.names {
		d.onDisk[name] = node
	}
	return nil
}

// used is how many bytes all files have.
func (d *memDisk) used() (n int) {
	for _, node := range d.names {
		n += len(node.data)
	}
	return n
}

// memFile is an open file of a memDisk.
type memFile struct {
	disk   *memDisk
	path   string
	node   *inode
	closed bool
}

func (f *memFile) ready(op string) error {
	if f.closed {
		return os.ErrClosed
	}
	return f.disk.fault(op, f.path)
}

func (f *memFile) ReadAt(p []byte, at int64) (int, error) {
	if err := f.ready("read"); err != nil {
		return 0, err
	}
	if at >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[at:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt writes as much as there is room for.
func (f *memFile) WriteAt(p []byte, at int64) (int, error) {
	if err := f.ready("write"); err != nil {
		return f.write(p[:len(p)/2], at), err
	}
	if d := f.disk; d.room > 0 {
		grown := int(at) + len(p) - len(f.node.data)
		if left := max(d.room-d.used(), 0); grown > left {
			return f.write(p[:max(len(p)-grown+left, 0)], at), errNoRoom
		}
	}
	return f.write(p, at), nil
}

// sector is how much of a write is on disk whole or not at all.
const sector = 64

func (f *memFile) write(p []byte, at int64) int {
	for n := 0; n < len(p); n += sector {
		c := change{at + int64(n), slices.Clone(p[n:min(n+sector, len(p))])}
		f.node.pending = append(f.node.pending, c)
	}
	if len(p) > 0 {
		f.node.data = change{at, p}.apply(f.node.data)
	}
	return len(p)
}

func (f *memFile) Truncate(size int64) error {
	if err := f.ready("truncate"); err != nil {
		return err
	}
	c := change{at: size}
	f.node.pending = append(f.node.pending, c)
	f.node.data = c.apply(f.node.data)
	return nil
}

func (f *memFile) Sync() error {
	if err := f.ready("sync"); err != nil {
		return err
	}
	f.node.onDisk, f.node.pending = slices.Clone(f.node.data), nil
	return nil
}

func (f *memFile) Close() error {
	if err := f.ready("close"); err != nil {
		return err
	}
	f.closed = true
	return nil
}

func (f *memFile) Chmod(os.FileMode) error { return f.ready("chmod") }

func (f *memFile) Stat() (os.FileInfo, error) { return memInfo{}, f.ready("stat") }

type memInfo struct{}

func (memInfo) Name() string       { return "" }
func (memInfo) Size() int64        { return 0 }
func (memInfo) Mode() os.FileMode  { return 0o600 }
func (memInfo) ModTime() time.Time { return time.Time{} }
func (memInfo) IsDir() bool        { return false }
func (memInfo) Sys() any           { return nil }
