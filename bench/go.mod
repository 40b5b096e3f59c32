module github.com/weir-go/weir/bench

go 1.27.0

require (
	github.com/sourcegraph/conc v0.3.0
	github.com/weir-go/weir v0.0.0
	go.uber.org/goleak v1.3.0
)

replace github.com/weir-go/weir => ../
