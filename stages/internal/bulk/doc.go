// Package bulk is what MapBatch and ForEachBatch have in common: calls for many items at once,
// of which each keeps its own result.
package bulk
