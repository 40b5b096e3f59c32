package dedup_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/dedup"
)

// FuzzSet compares a set with a list of the keys that it must remember, oldest first.
func FuzzSet(f *testing.F) {
	for policy := range byte(4) {
		steps := make([]byte, 300)
		for i := range steps {
			steps[i] = byte(i*i*3 + i/5*int(policy+7))
		}
		f.Add(policy, steps)
	}
	f.Fuzz(func(t *testing.T, most byte, steps []byte) {
		synctest.Test(t, func(t *testing.T) {
			const ttl = 20
			most := int(most % 4) // 0: no bound, and then calls have ttls of their own
			bound := dedup.Unbounded()
			if most > 0 {
				bound = dedup.MaxEntries(most)
			}
			s := newSet[byte](t, dedup.Window(ttl, bound))
			type key struct {
				name    byte
				expires time.Time
			}
			var known []key
			want := dedup.Snapshot{TTL: ttl, MaxEntries: most}
			forget := func(name byte) bool {
				n := len(known)
				known = slices.DeleteFunc(known, func(k key) bool { return k.name == name })
				return len(known) < n
			}
			for _, b := range steps {
				name, arg := b/16, time.Duration(b/16)
				known = slices.DeleteFunc(known, func(k key) bool { return !time.Now().Before(k.expires) })
				switch op := b % 16; {
				case op < 10:
					lasts, opts := time.Duration(ttl), []dedup.CallOption(nil)
					if most == 0 && op < 4 {
						lasts = arg*5 - 10
						opts = append(opts, dedup.TTL(lasts))
					}
					was := slices.ContainsFunc(known, func(k key) bool { return k.name == name })
					require.Equal(t, was, seen(t, s, name, opts...))
					if was {
						want.Hits++
						break
					}
					want.Misses++
					if lasts <= 0 {
						break
					}
					if len(known) == most && most > 0 {
						known = known[1:]
						want.Evicted++
					}
					known = append(known, key{name, time.Now().Add(lasts)})
				case op < 12:
					require.Equal(t, forget(name), s.Forget(name))
				case op == 12 && arg == 0:
					s.Clear()
					known = nil
				default:
					time.Sleep(arg)
				}
				if b%16 != 13 { // a look at the books removes what has expired
					continue
				}
				known = slices.DeleteFunc(known, func(k key) bool { return !time.Now().Before(k.expires) })
				got := s.Snapshot()
				want.Cached, want.Completed, want.Expired = len(known), want.Misses, got.Expired
				require.Equal(t, want, got)
			}
		})
	})
}
