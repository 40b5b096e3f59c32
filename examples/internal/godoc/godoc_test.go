package godoc_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/examples/internal/godoc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tree is a small GOROOT/src with one folder of every kind.
func tree() fstest.MapFS {
	files := map[string]string{
		"make.bash":                        "#!/bin/sh\n",
		"cmd.go":                           "package src\n",
		"net/net.go":                       "// Package net talks.\n//\n// At length.\npackage net\n\nimport (\n\t\"io\"\n\t\"internal/poll\"\n\t\"C\"\n\t\"golang.org/x/net/dns\"\n\t\"errors\"\n)\n",
		"net/a_linux.go":                   "package net\n\nimport \"syscall\"\n",
		"net/a_windows.go":                 "// Package net is not this.\npackage net\n\nimport \"winonly\"\n",
		"net/cgo.go":                       "//go:build cgo\n\npackage net\n\nimport \"cgoonly\"\n",
		"net/gen.go":                       "//go:build ignore\n\n// Net makes net.\npackage main\n",
		"net/net_test.go":                  "package net\n\nimport \"testing\"\n",
		"net/http/doc.go":                  "package http\n\nimport \"net\"\n",
		"net/http/internal/x.go":           "package internal\n",
		"net/testdata/x.go":                "package x\n",
		"vendor/golang.org/x/net/dns/d.go": "package dns\n",
		"internal/poll/p.go":               "package poll\n",
		"cmd/go/main.go":                   "package main\n",
		"builtin/builtin.go":               "package builtin\n",
		"winonly/w_windows.go":             "package winonly\n",
		"empty/README":                     "nothing\n",
		"mixed/a.go":                       "package a\n",
		"mixed/b.go":                       "package b\n",
		"broken/b.go":                      "package broken\n\nimport 7\n",
		"split/b.go":                       "// Second half.\npackage split\n",
		"split/a.go":                       "// First half.\n//\n//go:generate x\npackage split\n",
	}
	src := fstest.MapFS{}
	for name, text := range files {
		src[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return src
}

func TestListLeavesOutWhatCannotBeImported(t *testing.T) {
	got, err := godoc.List(tree())
	require.NoError(t, err)
	require.Equal(t, []string{"broken", "mixed", "net", "net/http", "split"}, got)
}

func TestListReportsAnUnreadableTree(t *testing.T) {
	_, err := godoc.List(os.DirFS("testdata/none"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestLoadReadsOneTarget(t *testing.T) {
	got, err := godoc.Load(t.Context(), tree(), "net")
	require.NoError(t, err)
	require.Equal(t, godoc.Package{
		ImportPath: "net",
		Name:       "net",
		Doc:        "Package net talks.\n\nAt length.\n",
		Imports:    []string{"errors", "io", "syscall"},
		Files:      []string{"net/a_linux.go", "net/net.go"},
	}, got)
}

func TestLoadJoinsCommentsInTheOrderOfFileNames(t *testing.T) {
	got, err := godoc.Load(t.Context(), tree(), "split")
	require.NoError(t, err)
	require.Equal(t, "First half.\n\nSecond half.\n", got.Doc)
}

func TestLoadSaysWhenThereIsNoDocumentation(t *testing.T) {
	got, err := godoc.Load(t.Context(), tree(), "net/http")
	require.NoError(t, err)
	require.False(t, got.Documented())
}

func TestLoadNamesThePackageThatCannotBeRead(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name, path string
		ctx        context.Context
		want       error
		text       string
	}{
		{"absent", "net/httq", t.Context(), fs.ErrNotExist, "godoc: net/httq: open net/httq: file does not exist"},
		{"outside the tree", "../etc", t.Context(), nil, "godoc: ../etc: "},
		{"no source", "empty", t.Context(), godoc.ErrNoSource, "godoc: empty: no Go source for linux/amd64"},
		{"other systems only", "winonly", t.Context(), godoc.ErrNoSource, "godoc: winonly: "},
		{"two packages", "mixed", t.Context(), nil, "godoc: mixed: two packages in one folder: a and b"},
		{"syntax", "broken", t.Context(), nil, "godoc: broken: broken/b.go:3:8: "},
		{"cancelled", "net", cancelled, context.Canceled, "godoc: net: context canceled"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := godoc.Load(tt.ctx, tree(), tt.path)
			var detail *godoc.Error
			require.ErrorAs(t, err, &detail)
			require.Equal(t, tt.path, detail.ImportPath)
			require.ErrorContains(t, err, tt.text)
			if tt.want != nil {
				require.ErrorIs(t, err, tt.want)
			}
		})
	}
}

// This is the one test with the real tree: each package of the list loads, has a
// comment, and imports only packages of the list.
func TestInstalledStandardLibrary(t *testing.T) {
	dir, err := godoc.Source(t.Context())
	require.NoError(t, err)
	src := os.DirFS(dir)
	names, err := godoc.List(src)
	require.NoError(t, err)
	require.Greater(t, len(names), 150)
	require.Subset(t, names, []string{"errors", "fmt", "net/http", "runtime", "unsafe"})
	terms := 0
	for _, name := range names {
		p, err := godoc.Load(t.Context(), src, name)
		require.NoError(t, err)
		require.True(t, p.Documented(), name)
		for _, used := range p.Imports {
			_, listed := slices.BinarySearch(names, used)
			require.True(t, listed, "%s imports %s", name, used)
		}
		terms += 1 + len(p.Imports)
	}
	t.Logf("%d packages, %d terms", len(names), terms)
}

func TestSourceStopsWithItsContext(t *testing.T) {
	cause := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	_, err := godoc.Source(ctx)
	require.ErrorIs(t, err, cause)
}
