package redisio

import (
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/store"
)

// The fault: writes after a loss were told before the Lost that belongs between them, if the reader had
// made room for them meanwhile.
func TestLostComesBeforeTheWritesAfterIt(t *testing.T) {
	w := newWatch("p:", nil)
	var written, known uint64
	write := func(n int) {
		for range n {
			written++
			w.put(&redis.Message{Channel: "p:k", Payload: strconv.FormatUint(written, 10) + " v"})
		}
	}
	stands := false
	require.NoError(t, w.tell(t.Context(), func(e store.Event, _ error) bool {
		if !stands {
			require.True(t, e.Lost)
			stands = true
			write(watchBuffer + 10)
			return true
		}
		write(1) // the reader has made room
		if e.Lost {
			return false
		}
		require.Equal(t, known+1, e.Entry.Revision, "there is a gap and no Lost")
		known++
		return true
	}))
	require.EqualValues(t, watchBuffer, known, "what was in time comes before Lost")
}
