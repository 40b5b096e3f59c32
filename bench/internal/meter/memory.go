package meter

import (
	"runtime"
)

// Heap collects garbage and returns the bytes of the objects that are left.
func Heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Memory collects garbage and returns the bytes of the objects that are left
// and of all goroutines' stacks.
func Memory() uint64 {
	runtime.GC() // returns the stacks of goroutines that have ended
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
