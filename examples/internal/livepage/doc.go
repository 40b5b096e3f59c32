// Package livepage serves the page of a run beside a program: its flag -live.
package livepage
