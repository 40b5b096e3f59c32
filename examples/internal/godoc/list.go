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

// List returns the sorted import paths of the packages in src that any program may
// import. It leaves out internal and vendored packages, test data, the commands under
// cmd, and folders without a Go file for linux/amd64.
//
// List reads files only as far as their build constraints. The error is that of the
// file system, for the first folder that cannot be read.
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
		// One file is enough to list its folder, so List never opens most files.
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
		return false // cgo's name for C, and documentation that looks like a package
	}
	for element := range strings.SplitSeq(importPath, "/") {
		if element == "internal" || element == "vendor" || element == "testdata" ||
			strings.HasPrefix(element, ".") || strings.HasPrefix(element, "_") {
			return false
		}
	}
	return true
}

// belongs reports whether the file belongs to its package when it is built for the
// target. A file that cannot be read is an error; a file that go/build ignores is not.
func belongs(target *build.Context, name string) (bool, error) {
	if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
		return false, nil
	}
	return target.MatchFile(path.Dir(name), path.Base(name))
}

// linux is the target of the build. It is fixed, so that every machine reads the same.
// The experiments (tool tags) are those of the running toolchain, because they decide
// which of two implementations of a package is installed.
func linux(src fs.FS) *build.Context {
	target := build.Default
	target.GOOS, target.GOARCH, target.CgoEnabled = "linux", "amd64", false
	target.JoinPath = path.Join
	target.OpenFile = func(name string) (io.ReadCloser, error) { return src.Open(name) }
	return &target
}
