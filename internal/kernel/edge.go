package kernel

import (
	"sync/atomic"

	"github.com/weir-go/weir/internal/handoff"
)

// Edge is the hand-off from one node to the next.
type Edge struct {
	from, to *Node
	unwanted atomic.Bool // no stage below takes its items
	handoff.Edge
}
