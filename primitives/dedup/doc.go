// Package dedup shares work between those who ask for the same thing.
package dedup
