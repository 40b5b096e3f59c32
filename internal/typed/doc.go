// Package typed is the typed side of the kernel: the values of batches, and the loops that
// call functions for them. The compiler makes all of it anew for each type of items, so it
// holds what needs the type and nothing else.
package typed
