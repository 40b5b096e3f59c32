package bench

// The libraries that weir is measured against, at the versions of go.mod.
import (
	_ "github.com/HdrHistogram/hdrhistogram-go"
	_ "github.com/avast/retry-go/v5"
	_ "github.com/cenkalti/backoff/v5"
	_ "github.com/destel/rill"
	_ "github.com/eapache/go-resiliency/breaker"
	_ "github.com/failsafe-go/failsafe-go"
	_ "github.com/maypok86/otter/v2"
	_ "github.com/reugn/go-streams/flow"
	_ "github.com/samber/ro"
	_ "github.com/sony/gobreaker/v2"
	_ "golang.org/x/sync/errgroup"
	_ "golang.org/x/sync/semaphore"
	_ "golang.org/x/sync/singleflight"
	_ "gonum.org/v1/plot"
	_ "gonum.org/v1/plot/plotter"
	_ "gonum.org/v1/plot/vg/vgsvg"
)
