// Package keyed is the table that the registries of the primitives share. It keeps a
// value for each key, in limited number, and forgets values that are not needed.
package keyed
