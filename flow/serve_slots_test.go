package flow_test

import (
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages/section"
)

// counter is a layer that keeps something for each exchange, by its slot.
type counter struct {
	port *section.Port[int]
	seen []int
}

func (c *counter) Open(p *section.Port[int]) (section.Handler[int], error) {
	return &counter{p, make([]int, p.Slots())}, nil
}

func (c *counter) Request(x *section.Exchange[int]) {
	if more := c.port.Slots() - len(c.seen); x.Slot() >= len(c.seen) {
		c.seen = append(c.seen, make([]int, more)...)
	}
	c.seen[x.Slot()] = x.Value
	c.port.Down(x)
}

func (c *counter) Response(x *section.Exchange[int]) {
	if c.seen[x.Slot()] != x.Value {
		x.Reject(errFlaky)
	}
	c.port.Up(x)
}

// The slots of a service hold for as many callers as there are. The fault: Slots was that of the
// section's capacity, which does not bound callers.
func TestSlotsHoldForTheCallersOfAService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := flow.Serve(t.Context(), func(in *flow.Stream[int]) *flow.Stream[int] {
			return in.Layer(section.Use(&counter{})).Map("nap", nap)
		})
		require.NoError(t, err)
		var wg sync.WaitGroup
		for v := range 3000 {
			wg.Go(func() { assert.NoError(t, s.Do(t.Context(), v).Err) })
		}
		wg.Wait()
		require.EqualValues(t, 3000, closed(t, s).Ledger.Out)
	})
}
