package live_test

import (
	"context"
	"errors"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/flow/live"
)

// The fault: a page that was opened before the sections had begun never showed their layers.
func TestAPageThatIsOpenedEarlyShowsTheLayers(t *testing.T) {
	b := newTab(t)
	s := newShop()
	gate, opened := make(chan struct{}), make(chan *flow.Run)
	over := make(chan struct{})
	go func() {
		defer close(over)
		_, _ = s.graph().Run(context.Background(), flow.OnStart(func(r *flow.Run) {
			opened <- r
			<-gate
		}))
	}()
	run := <-opened
	b.open(serve(t, live.Handler(run)))
	b.click(`#svg [data-stage="price"]`)
	require.Equal(t, "0", ask[string](b, `String(document.querySelectorAll('#svg [data-stage="price"] .chip').length)`))
	ask[chromedp.Void](b, `document.querySelector('#svg [data-stage="known"]').focus()`)
	close(gate)
	b.eventually(`document.querySelectorAll('#svg [data-stage="price"] .chip').length === 4`, "no layers")
	require.Equal(t, "true", ask[string](b, `document.querySelector('#svg [data-stage="price"]').getAttribute("aria-pressed")`), "what was selected stays")
	require.Equal(t, "known", ask[string](b, `document.activeElement.dataset?.stage ?? ""`), "so does the focus")
	run.Abort(errors.New("the test is over"))
	<-over
	b.clean()
}
