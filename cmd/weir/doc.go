// Weir shows running flows, and manages dead letters, from the command line.
//
//	weir letters ls|show|replay|rm FILE   dead letters in a file of package deadletter
//	weir top URL                          a running flow, as a table that is renewed each second
//	weir graph URL                        a running flow, as Mermaid or DOT
//
// URL is that of a live page or of probe.Handler. Each command has --help with examples. Output
// that is not a terminal is plain lines, for pipes.
//
// # Exit status
//
//	0    all is well
//	1    a command failed, or letters failed again
//	2    the command line is wrong
//	3    another process has the file of letters open
//	130  interrupted
//
// # Replay
//
// A letter's value goes to a command by standard input (--exec), or to a URL in a POST (--post).
// If the command ends with status 0, or the answer has a status from 200 to 299, the letter is
// taken out. If not, a new letter of the stage "replay" takes its place, with the new cause and one
// more replay. An interrupted replay leaves the letter as it is. A process that has
// the file open replays its letters itself: on its live page, or in its code by deadletter.Replay.
package main
