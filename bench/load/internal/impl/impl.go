package impl

import (
	"github.com/weir-go/weir/bench/load/internal/job"
)

// Implementation is one way to do the job.
type Implementation struct {
	// Name is what the flag -impl calls it, Title what the reports do.
	Name, Title string
	Run         job.Runner
}

// All returns the implementations.
func All() []Implementation {
	return []Implementation{
		{"weir", "weir", Weir},
		{"rill", "rill + failsafe-go", Rill},
		{"byhand", "by hand", ByHand},
	}
}
