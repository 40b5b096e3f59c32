// Package glossary is the job of the example: a glossary for readers of the
// standard library. For every package it has one line on the package itself and
// one on each package that it imports, so that whoever opens net/http finds beside
// it in a sentence each what bufio, context and io are for.
//
// The job has many more lines than packages, about 1540 to 180: errors is
// imported nearly everywhere, and its line is the same everywhere. That is where the
// example's duplicates come from; nothing is repeated for show. The line of a term
// depends on the term alone, so [Term.Name] is the key under which equal work is
// shared.
package glossary
