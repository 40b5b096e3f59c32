// Package fault is the failure of an item: what went wrong in which stage, and the errors with
// which the machine itself ends the work on an item. Package stages documents them and gives
// them their exported types.
package fault
