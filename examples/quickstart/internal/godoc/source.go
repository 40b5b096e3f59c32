package godoc

import (
	"context"
	"errors"
	"fmt"
	"go/build"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Source returns the folder that holds the source of the installed standard
// library, for use with [os.DirFS]. It asks `go env GOROOT` and falls back on the
// tree this program was built from. The go command comes first because a program
// built with -trimpath does not know its GOROOT, and because go.mod or GOTOOLCHAIN
// may select another release than the one on the PATH.
//
// It runs one short process and ends it when ctx does. The error names every
// folder that was tried.
func Source(ctx context.Context) (string, error) {
	var roots []string
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err == nil {
		roots = append(roots, strings.TrimSpace(string(out)))
	}
	if ctx.Err() != nil {
		return "", fmt.Errorf("godoc: %w", context.Cause(ctx))
	}
	return firstSource(append(roots, build.Default.GOROOT), err)
}

// firstSource returns the src folder of the first root that has one. The package
// errors stands for all of them: a distribution may ship an empty src folder.
func firstSource(roots []string, cause error) (string, error) {
	faults := []error{cause}
	for _, root := range roots {
		if root == "" {
			continue
		}
		src := filepath.Join(root, "src")
		_, err := os.Stat(filepath.Join(src, "errors"))
		if err == nil {
			return src, nil
		}
		faults = append(faults, err)
	}
	return "", fmt.Errorf("godoc: the standard library's source was not found: %w", oneLine(errors.Join(faults...)))
}

// oneLine joins the lines of err by semicolons: the message ends up in a
// terminal as a single line.
func oneLine(err error) error {
	if err == nil {
		return errors.New("neither the go command nor GOROOT names it")
	}
	return errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
}
