package bench

import "testing"

// BenchmarkTenStages asks how the cost of an item grows with the stages: beside
// BenchmarkThreeStages, a seventh of the difference is the cost of a stage.
func BenchmarkTenStages(b *testing.B) { tenStages().compare(b) }

func tenStages() question {
	return question{name: "TenStages", adds: 10, impls: rows(10)}
}
