package section

import (
	"fmt"
	"strings"

	"github.com/weir-go/weir/stages"
)

// describe returns what a picture of the graph shows of a section.
func describe(layers []Layer, settings stages.Settings) string {
	parts := make([]string, len(layers))
	for i, l := range layers {
		if parts[i] = l.shown; l.shown == "" {
			parts[i] = l.kind
		}
	}
	workers := "1 worker"
	if settings.Workers != 1 {
		workers = fmt.Sprintf("%d workers", settings.Workers)
	}
	return strings.Join(append(parts, workers), " > ")
}
