package flow

import (
	"time"

	"github.com/weir-go/weir/stages"
)

// State is what a run is doing.
type State string

const (
	// Running: items come in. A run whose sources are exhausted is also Running until it ends,
	// unless something stops it.
	Running State = "running"
	// Draining: the intake was stopped, and the items inside continue to the end.
	Draining State = "draining"
	// Aborting: the run was aborted and has not ended yet.
	Aborting State = "aborting"
	// Ended: nothing that the run started is still running.
	Ended State = "ended"
)

// Status is the state of a run at one moment, as numbers and short texts. /snapshot.json of
// [github.com/weir-go/weir/flow/probe.Handler] shows it. Names of fields in JSON are in lower
// snake case and stay what they are; new ones may be added. All times are seconds, and say so in
// their names. Numbers are never NaN or infinite.
//
// Rates are the difference of two Statuses, divided by the time between. The growth of
// WorkSeconds, divided by the time and the workers, is the share of time that a stage was busy.
// The growth of FullSeconds is the time that an edge blocked its sender.
type Status struct {
	Flow  string `json:"flow"` // see [Named]
	State State  `json:"state"`
	// Error is why the run has failed or was aborted; "" if it was not.
	Error   string    `json:"error,omitempty"`
	Started time.Time `json:"started"`
	Taken   time.Time `json:"taken"` // when the figures were read
	// ElapsedSeconds is the time since the run started, until it ended.
	ElapsedSeconds float64       `json:"elapsed_seconds"`
	Ledger         stages.Ledger `json:"ledger"` // of the run
	// Inside is how many items are in the flow: the balance of the ledger.
	Inside int64         `json:"inside"`
	Stages []StageStatus `json:"stages"` // in the order in which they were added
	Edges  []EdgeStatus  `json:"edges"`  // in the order in which they were added
	// DrainLimitSeconds is how long a drain may last, see [DrainTimeout]; 0 if it has no limit.
	DrainLimitSeconds float64 `json:"drain_limit_seconds,omitempty"`
	// Busy has the stages that keep a stopped or aborted run from ending.
	Busy []BusyStatus `json:"busy,omitempty"`
}

// StageStatus is a source, a stage or a sink in a [Status].
type StageStatus struct {
	Name string `json:"name"` // unique in the flow
	Kind string `json:"kind"` // source, stage or sink
	// Detail is what a picture shows beside the name, such as "guard > retry > 16 workers".
	Detail   string        `json:"detail,omitempty"`
	Function string        `json:"function,omitempty"` // that it calls, or its type
	Ledger   stages.Ledger `json:"ledger"`
	Inside   int64         `json:"inside"` // items that came and are not accounted for
	// Calls is how many calls of its function are being made, CallsTotal how many were made.
	Calls      int   `json:"calls"`
	CallsTotal int64 `json:"calls_total"`
	// WaitSeconds and WorkSeconds are the sums over all items, LongestSeconds is the longest
	// work on one of them. They are 0 in an untimed run.
	WaitSeconds    float64 `json:"wait_seconds"`
	WorkSeconds    float64 `json:"work_seconds"`
	LongestSeconds float64 `json:"longest_seconds"`
	// Wait, Work and Age have percentiles; they are missing unless the run keeps
	// [Distributions], and Age is missing unless the stage is a sink.
	Wait    *DistributionStatus `json:"wait,omitempty"`
	Work    *DistributionStatus `json:"work,omitempty"`
	Age     *DistributionStatus `json:"age,omitempty"`
	Workers int                 `json:"workers"` // 0 if they cannot be set
	Paused  bool                `json:"paused"`
	Ended   bool                `json:"ended"`
	// Health is the state of a source that reports it; see [stages.Health].
	Health *HealthStatus `json:"health,omitempty"`
	// Layers are the states of a section's layers and other parts, outermost first.
	Layers []LayerStatus `json:"layers,omitempty"`
}

// DistributionStatus is a [Distribution] in a [Status].
type DistributionStatus struct {
	Count      uint64  `json:"count"`
	SumSeconds float64 `json:"sum_seconds"`
	P50Seconds float64 `json:"p50_seconds"`
	P90Seconds float64 `json:"p90_seconds"`
	P99Seconds float64 `json:"p99_seconds"`
}

// HealthStatus is a [stages.Health] in a [Status].
type HealthStatus struct {
	Unsettled       int64      `json:"unsettled"`
	Lag             *int64     `json:"lag,omitempty"` // missing if it is not known
	ReconnectsTotal int64      `json:"reconnects_total"`
	Error           string     `json:"error,omitempty"`    // the last trouble that did not end the run
	ErrorAt         *time.Time `json:"error_at,omitempty"` // and when it came
}

// LayerStatus is a part of a stage in a [Status], usually a layer of a section.
type LayerStatus struct {
	// Layer is unique in the stage: the name that the layer was given, or else its kind; with
	// a number if there are several of them.
	Layer string `json:"layer"`
	Kind  string `json:"kind"`            // such as guard, dedup, breaker, retry, limiter
	Name  string `json:"name,omitempty"`  // that it was given
	State string `json:"state,omitempty"` // in a word, such as half-open
	// Figures are its numbers by name; see [stages.Figures].
	Figures map[string]float64 `json:"figures"`
}

// EdgeStatus is an edge in a [Status]. See [stages.EdgeState].
type EdgeStatus struct {
	From     string `json:"from"`
	To       string `json:"to"`
	Items    int    `json:"items"`
	Capacity int    `json:"capacity"`
	// FullSeconds is how long From was blocked because the edge was full, EmptySeconds how
	// long To was blocked because it was empty.
	FullSeconds  float64 `json:"full_seconds"`
	EmptySeconds float64 `json:"empty_seconds"`
	Fused        bool    `json:"fused"`   // both ends share a goroutine at present
	Blocked      bool    `json:"blocked"` // From waits for room now
}

// BusyStatus is a [Busy] in a [Status].
type BusyStatus struct {
	Stage    string `json:"stage"`
	Function string `json:"function"`
	Calls    int    `json:"calls"`
	Items    int64  `json:"items"`
	Left     bool   `json:"left"`
}
