package stages

import (
	"context"
	"time"
)

// Finisher is implemented by sources, stages and sinks that have something to do after the last
// acknowledgement. Examples are a last commit, a flush of acknowledgements, and leaving a
// consumer group.
type Finisher interface {
	// Finish is called once a run, when everything has left the flow and all that the sources
	// brought is acknowledged, and before the run returns. It is also called after an abort. ctx
	// ends when the drain timeout has passed since the call of Finish, or 10 seconds if the run
	// has no drain timeout. The run waits for Finish to return; its error is part of the error
	// of the run. All are called at the same time.
	Finish(ctx context.Context) error
}

// Health is the state of a source, as far as it knows it.
type Health struct {
	// Unsettled is how many values the source has handed out that are not acknowledged.
	Unsettled int64
	// Lag is how many values wait in the queue. It is -1 if that is not known.
	Lag int64
	// Reconnects is how often the source has lost its connection, or has begun again.
	Reconnects int64
	// Err is the last trouble that did not end the run, and At is when it came.
	Err error
	At  time.Time
}

// HealthReporter is implemented by sources that can tell their health. The report of a run shows
// it.
type HealthReporter interface {
	// Health returns the state as of now. It is called from any goroutine, and must not block.
	Health() Health
}
