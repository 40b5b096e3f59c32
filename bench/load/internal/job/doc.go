// Package job says what each implementation under load has to do, so that all
// of them do the same: what arrives, what is called for it, under which
// settings, and what can become of it.
//
// The settings are chosen so that every library can be given them exactly, or
// nearly: where one cannot, its file in the package impl says so.
package job
