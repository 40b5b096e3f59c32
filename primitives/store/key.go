package store

import (
	"fmt"
	"strings"
)

// Key joins parts with slashes to a key that every store accepts. Bytes other than
// letters, digits, "-" and "_" are written as "=" and two hex digits, and an empty part
// as "=". Different parts give different keys, so that names from outside cannot collide.
// Key(...) + "/" is a folder.
func Key(parts ...string) string {
	var b strings.Builder
	for i, part := range parts {
		if i > 0 {
			b.WriteByte('/')
		}
		if part == "" {
			b.WriteByte('=')
		}
		for j := range len(part) {
			if c := part[j]; plain(c) {
				b.WriteByte(c)
			} else {
				fmt.Fprintf(&b, "=%02X", c)
			}
		}
	}
	return b.String()
}

func plain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

// CheckKey returns nil for a key that [Key] can make, and otherwise an error that is
// [ErrKey]. It is for implementations of [Store].
func CheckKey(key string) error {
	for part := range strings.SplitSeq(key, "/") {
		if part == "" {
			return &Error{Op: "check", Key: key, Err: ErrKey}
		}
	}
	for i := range len(key) {
		if c := key[i]; !plain(c) && c != '/' && c != '=' {
			return &Error{Op: "check", Key: key, Err: ErrKey}
		}
	}
	return nil
}

// CheckFolder is [CheckKey] for folders: "", or a key followed by a slash.
func CheckFolder(folder string) error {
	if folder == "" {
		return nil
	}
	key, ok := strings.CutSuffix(folder, "/")
	if !ok {
		return &Error{Op: "check", Key: folder, Err: ErrKey}
	}
	return CheckKey(key)
}
