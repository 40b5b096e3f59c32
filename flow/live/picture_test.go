package live_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/flow/live"
)

// TestPictures takes pictures of the page: WEIR_PICTURES=folder go test -run Pictures. The README shows
// live.png.
func TestPictures(t *testing.T) {
	folder := os.Getenv("WEIR_PICTURES")
	if folder == "" {
		t.Skip("WEIR_PICTURES is not set")
	}
	s := newShop()
	s.options = []flow.RunOption{flow.Distributions()}
	_, url := s.open(t, live.Controls(s.places), s.dead())
	b := newTab(t)
	b.size(1440, 900, false)
	b.open(url)
	time.Sleep(40 * time.Second)
	shoot := func(name string, width, height int64, dark bool, click string) {
		b.size(width, height, dark)
		if click != "" {
			b.click(click)
		}
		time.Sleep(1500 * time.Millisecond)
		png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(folder, name+".png"), png, 0o644))
	}
	shoot("live", 1440, 1010, false, "")
	shoot("desktop", 1440, 1500, false, "")
	shoot("desktop-dark", 1440, 1500, true, "")
	shoot("detail", 1440, 1000, false, `[data-stage="price"]`)
	shoot("phone", 390, 2600, false, "#detail button")
	shoot("phone-dark", 390, 2600, true, "")
	shoot("table", 1440, 900, true, "#view-table")
	b.clean()
}
