// Package source has the sources: where items enter a flow.
package source
