package chat

import (
	"math"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const time0 = time.Duration(0)

func TestRetryAfter(t *testing.T) {
	const date, later = "Mon, 02 Jan 2006 15:04:05 GMT", "Mon, 02 Jan 2006 15:05:05 GMT"
	tests := []struct {
		name                      string
		retryAfter, inMillis, now string
		want                      time.Duration
		told                      bool
	}{
		{"nothing", "", "", "", 0, false},
		{"seconds", "3", "", "", 3 * time.Second, true},
		{"zero", "0", "", "", 0, true},
		{"fraction", "0.25", "", "", 250 * time.Millisecond, true},
		{"milliseconds first", "3", "40", "", 40 * time.Millisecond, true},
		{"unusable milliseconds", "3", "soon", "", 3 * time.Second, true},
		{"negative", "-1", "", "", 0, false},
		{"words", "soon", "", "", 0, false},
		{"saturates", "1e300", "", "", math.MaxInt64, true},
		{"infinite", "Inf", "", "", 0, false},
		{"date by the service's own clock", later, "", date, time.Minute, true},
		{"date that has passed", date, "", later, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			header := http.Header{}
			header.Set("Retry-After", tt.retryAfter)
			header.Set("Retry-After-Ms", tt.inMillis)
			header.Set("Date", tt.now)
			wait, told := retryAfter(header)
			require.Equal(t, tt.want, wait)
			require.Equal(t, tt.told, told)
		})
	}
}

func TestRetryAfterDateWithoutTheServicesClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		header := http.Header{}
		header.Set("Retry-After", time.Now().Add(90*time.Second).UTC().Format(http.TimeFormat))
		wait, told := retryAfter(header)
		require.True(t, told)
		require.Equal(t, 90*time.Second, wait)
	})
}
