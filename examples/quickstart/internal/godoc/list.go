package godoc

import (
	"go/build"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// List returns the import paths of the packages in src that anyone may import,
// sorted. Left out are internal and vendored packages, test data, the commands
// under cmd, and folders without a Go file for linux/amd64.
//
// Only the headers of files are read, up to their build constraints. The error is
// that of the file system, for the first folder that cannot be read.
func List(src fs.FS) ([]string, error) {
	target := linux(src)
	found := map[string]bool{}
	err := fs.WalkDir(src, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && !public(name):
			return fs.SkipDir
		case entry.IsDir() || found[path.Dir(name)] || path.Dir(name) == ".":
			return nil
		}
		// One file is enough to list its folder, so most are never opened.
		ok, err := belongs(target, name)
		if ok {
			found[path.Dir(name)] = true
		}
		return err
	})
	if err != nil {
		return nil, &Error{ImportPath: "std", Err: err}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// public reports whether the path names a package of the standard library that
// any program may import.
func public(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	switch {
	case first == "cmd", strings.Contains(first, "."):
		return false // a command, or a module vendored under a domain name
	case importPath == "C", importPath == "builtin":
		return false // no packages: cgo's name for C, and documentation in the shape of one
	}
	for element := range strings.SplitSeq(importPath, "/") {
		if element == "internal" || element == "vendor" || element == "testdata" ||
			strings.HasPrefix(element, ".") || strings.HasPrefix(element, "_") {
			return false
		}
	}
	return true
}

// belongs reports whether the named file takes part in a build of its package
// for the target. A file that cannot be read fails, one that go/build ignores
// does not.
func belongs(target *build.Context, name string) (bool, error) {
	if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
		return false, nil
	}
	return target.MatchFile(path.Dir(name), path.Base(name))
}

// linux is the build that is read: fixed, so that every machine reads the same.
// The experiments (tool tags) stay those of the running toolchain, because they
// decide which of two implementations of a package is the installed one.
func linux(src fs.FS) *build.Context {
	target := build.Default
	target.GOOS, target.GOARCH, target.CgoEnabled = "linux", "amd64", false
	target.JoinPath = path.Join
	target.OpenFile = func(name string) (io.ReadCloser, error) { return src.Open(name) }
	return &target
}
