// Package fault describes the failure of an item: the error and the stage in which it happened. It
// also has the errors with which the machine itself ends the work on an item. Package stages
// documents them and gives them their exported types.
package fault
