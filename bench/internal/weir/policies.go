package weir

import (
	"time"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
)

// The policies of all sections and calls here. Results are not kept: a
// deduplicator shares calls that are under way, as singleflight does. The waits
// between tries have no jitter, as those of the others have none.

func limited() guard.Policy { return limitedTo(1024) }

func limitedTo(n int) guard.Policy { return guard.Limit(n) }

func shared() dedup.Policy { return dedup.Window(0) }

func fused() breaker.Policy { return breaker.Consecutive("service", 5, 10*time.Second) }

func retried(wait time.Duration) retry.Policy {
	return retry.Exponential(3, wait, retry.Jitter(retry.NoJitter))
}

func retriedAfter(wait time.Duration) retry.Policy {
	return retry.Constant(3, wait, retry.Jitter(retry.NoJitter))
}
