// Package glossary is the job of the example: a glossary for readers of the standard
// library. For each package it has one line on the package and one on each package
// that it imports. So a reader of net/http sees in a sentence each what bufio, context
// and io are for.
//
// The job has many more lines than packages, about 1540 to 180: nearly every package
// imports errors, and the line of errors is always the same. These are the duplicates
// of the example; none is there for show. The line of a term depends only on the term,
// so [Term.Name] is the key of equal work.
package glossary
