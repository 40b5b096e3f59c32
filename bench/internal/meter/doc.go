// Package meter reads what the process has spent: processor time and memory.
//
// Processor time is the measure of the comparisons, because waiting costs none
// of it and a busy machine changes it little.
package meter
