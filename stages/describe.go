package stages

import (
	"fmt"
	"strings"
)

// Describer is implemented by stages and layers that a picture of their graph
// shall tell more of than the name.
type Describer interface {
	// Describe returns a short line, or nothing.
	Describe() string
}

// Describe implements [Describer]: the layers, outermost first, and the workers.
func (s *section[I, O, P]) Describe() string {
	parts := make([]string, len(s.layers))
	for i, l := range s.layers {
		parts[i] = fmt.Sprintf("%T", l)
		if d, ok := l.(Describer); ok {
			parts[i] = d.Describe()
		}
	}
	return strings.Join(append(parts, crew(s.Workers)), " > ")
}

// Describe implements [Describer].
func (m *mapper[I, O]) Describe() string {
	if m.settings.Workers == 1 {
		return ""
	}
	return crew(m.settings.Workers)
}

// Describe implements [Describer].
func (l *laner[I, O, K]) Describe() string { return crew(l.Workers) + ", in order by key" }

func (*guardLayer[I]) Describe() string     { return "guard" }
func (*dedupLayer[I, K]) Describe() string  { return "dedup" }
func (*breakerLayer[I]) Describe() string   { return "breaker" }
func (*retryLayer[I]) Describe() string     { return "retry" }
func (*rateLayer[I]) Describe() string      { return "rate limit" }
func (l *timeoutLayer[I]) Describe() string { return "timeout " + l.d.String() }

func crew(workers int) string {
	if workers == 1 {
		return "1 worker"
	}
	return fmt.Sprintf("%d workers", workers)
}
