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
	"time"
)

// Source returns the folder with the source of the installed standard library, for
// [os.DirFS]. It asks `go env GOROOT`, and falls back on the tree that this program was
// built from. A program that was built with -trimpath does not know that tree, and
// go.mod or GOTOOLCHAIN may select another release. So the go command comes first.
//
// It runs one short process, and ends it when ctx ends. The error names every
// folder that was tried.
func Source(ctx context.Context) (string, error) {
	var roots []string
	command := exec.CommandContext(ctx, "go", "env", "GOROOT")
	command.WaitDelay = time.Second // a process that it started may hold the output open
	out, err := command.Output()
	if err == nil {
		roots = append(roots, strings.TrimSpace(string(out)))
	}
	if ctx.Err() != nil {
		return "", fmt.Errorf("godoc: %w", context.Cause(ctx))
	}
	return firstSource(append(roots, build.Default.GOROOT), err)
}

// firstSource returns the src folder of the first root that has one. It looks for the
// package errors, because a distribution may ship an empty src folder.
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

// oneLine joins the lines of err with semicolons, because a program prints its failure
// in one line.
func oneLine(err error) error {
	if err == nil {
		return errors.New("neither the go command nor GOROOT names it")
	}
	return errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
}
