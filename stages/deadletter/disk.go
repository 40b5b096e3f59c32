package deadletter

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// disk is the part of a file system that a journal needs. Tests inject faults here.
type disk interface {
	// resolve makes the file if there is none, and returns its path without links.
	resolve(path string) (string, error)
	// lock locks the file against other processes until the lock is closed.
	lock(path string) (io.Closer, error)
	open(path string, flag int, mode os.FileMode) (file, error)
	rename(from, to string) error
	remove(path string) error
	// syncDir writes the directory of path to disk.
	syncDir(path string) error
}

// file is the part of an open file that a journal needs.
type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error
	Stat() (os.FileInfo, error)
	Chmod(mode os.FileMode) error
}

// realDisk is the file system of the machine.
type realDisk struct{}

func (realDisk) resolve(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(path)
	return real, errors.Join(err, f.Close())
}

func (realDisk) lock(path string) (io.Closer, error) {
	l, err := acquire(path)
	if err != nil {
		return nil, err // a nil *lock is no nil io.Closer
	}
	return l, nil
}

func (realDisk) open(path string, flag int, mode os.FileMode) (file, error) {
	f, err := os.OpenFile(path, flag, mode)
	if err != nil {
		return nil, err // a nil *os.File is no nil file
	}
	return f, nil
}

func (realDisk) rename(from, to string) error { return os.Rename(from, to) }
func (realDisk) remove(path string) error     { return os.Remove(path) }

func (realDisk) syncDir(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
