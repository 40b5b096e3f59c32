package stages

import "fmt"

// OverflowPolicy says what happens to an item that finds a buffer full.
type OverflowPolicy int

const (
	// Block makes the stage above wait until there is room.
	Block OverflowPolicy = iota
	// DropNewest sheds the item that has just come, and keeps the items that wait.
	DropNewest
	// DropOldest sheds the item that has waited longest, and keeps the new one.
	DropOldest
)

// String returns the policy's name.
func (p OverflowPolicy) String() string {
	switch p {
	case Block:
		return "block"
	case DropNewest:
		return "drop newest"
	case DropOldest:
		return "drop oldest"
	}
	return fmt.Sprintf("overflow policy %d", int(p))
}

// OverflowSnapshot is a buffer that drops items at one moment, in the report of a run.
type OverflowSnapshot struct {
	// Depth is how many items it holds, of the Bound that it can.
	Depth, Bound int
	// Shed is how many it has dropped.
	Shed int64
}
