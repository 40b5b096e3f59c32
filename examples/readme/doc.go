// Package readme compiles the code that the README shows.
package readme
