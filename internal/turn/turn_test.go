package turn

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is a layer that keeps the items of each request.
type recorder struct {
	port     *Port
	requests []kernel.Mask
}

func (r *recorder) Open(p *Port) (Handler, error)        { r.port = p; return r, nil }
func (r *recorder) Response(f *Flight, m kernel.Mask)    { r.port.Up(f, m) }
func (r *recorder) Request(f *Flight, items kernel.Mask) { r.requests = append(r.requests, items) }

// The fault: requests that had waited for the turn together reached the layer as one. In an unordered
// section the second one can have earlier places, and its items then overtook those of the first.
func TestRequestsOfAnUnorderedSectionStayApart(t *testing.T) {
	for _, unordered := range []bool{false, true} {
		run := kernel.NewRun(t.Context(), false, false)
		defer run.Close()
		s := &Section{node: run.NewNode("section"), unordered: unordered, in: typed.Of[int](), out: typed.Of[int]()}
		r := &recorder{}
		require.NoError(t, s.openLayers([]Layer{r}))
		f, first, second := s.flight(), kernel.Span(10, 20), kernel.Span(0, 5)
		s.todo = []note{{kind: request, f: f, items: first}, {kind: request, f: f, items: second}}
		for s.deal() {
		}
		if unordered {
			require.Equal(t, []kernel.Mask{first, second}, r.requests)
		} else {
			require.Equal(t, []kernel.Mask{first | second}, r.requests)
		}
	}
}
