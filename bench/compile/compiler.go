package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// compiler calls the compiler and the linker on single packages, the way that
// go build does. What a package imports comes from the build cache.
type compiler struct {
	dir   string // for what is made
	tools string
}

func newCompiler(dir string) (*compiler, error) {
	tools, _, err := run(exec.Command("go", "env", "GOTOOLDIR"))
	if err != nil {
		return nil, err
	}
	return &compiler{dir: dir, tools: strings.TrimSpace(tools)}, nil
}

// unit is a package to compile.
type unit struct {
	kind                            string
	types                           int
	source, config, archive, binary string // files
}

// prepare writes a program and builds what it imports.
func (c *compiler) prepare(kind string, n int) (u unit, err error) {
	source, err := program(kind, n)
	if err != nil {
		return u, err
	}
	paths, err := imports(source)
	if err != nil {
		return u, err
	}
	list := exec.Command("go", append([]string{"list", "-export", "-deps", "-f",
		"{{if .Export}}packagefile {{.ImportPath}}={{.Export}}{{end}}"}, paths...)...)
	list.Env = append(os.Environ(), "CGO_ENABLED=0")
	config, _, err := run(list)
	if err != nil {
		return u, err
	}
	name := filepath.Join(c.dir, fmt.Sprintf("%s-%d", kind, n))
	u = unit{kind, n, name + ".go", name + ".cfg", name + ".a", name + ".exe"}
	if err := os.WriteFile(u.source, source, 0o600); err != nil {
		return u, err
	}
	return u, os.WriteFile(u.config, []byte(config), 0o600)
}

// compile compiles the package alone. It returns the processor time of the
// compiler and the size of the archive.
func (c *compiler) compile(u unit) (cpu time.Duration, size int64, err error) {
	_, cpu, err = run(exec.Command(filepath.Join(c.tools, "compile"),
		"-p", "main", "-complete", "-pack", "-trimpath", c.dir, "-importcfg", u.config, "-o", u.archive, u.source))
	if err != nil {
		return 0, 0, err
	}
	size, err = sizeOf(u.archive)
	return cpu, size, err
}

// link links the program, stripped, and returns the size of the binary.
func (c *compiler) link(u unit) (size int64, err error) {
	_, _, err = run(exec.Command(filepath.Join(c.tools, "link"),
		"-s", "-w", "-importcfg", u.config, "-o", u.binary, u.archive))
	if err != nil {
		return 0, err
	}
	return sizeOf(u.binary)
}

func sizeOf(name string) (int64, error) {
	info, err := os.Stat(name)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// run returns what a command prints and its processor time, user and system.
func run(cmd *exec.Cmd) (out string, cpu time.Duration, err error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", 0, fmt.Errorf("%s: %w\n%s", filepath.Base(cmd.Path), err, stderr.String())
	}
	return stdout.String(), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}
