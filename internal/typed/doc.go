// Package typed is the typed side of the kernel: the values of batches, and the loops that call
// functions for them. The compiler makes this code anew for each type of items. So the package
// holds only what needs the type.
package typed
