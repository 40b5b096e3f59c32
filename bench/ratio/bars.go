package main

import (
	"strings"
)

// bar is what weir must reach.
type bar struct {
	what     string
	question string // the benchmark, without impl=
	impl     string
	unit     string
	most     float64
	// of are the peers: most is the quotient by the best of them. Without peers
	// most is the figure itself.
	of []string
}

const (
	cpu     = "cpu-ns/op"
	weir    = "weir"
	untimed = "weir-untimed"
)

// The peers by hand are the best of several ways to write the same.
var (
	slots   = []string{"slots1", "slots16"}
	ordered = []string{"hand-ordered", "hand-slots"}
	batched = []string{"channels", "chunks"}
	first   = []string{before + weir}
	rill    = []string{"rill"}
	prims   = []string{"primitives"}
)

// bars are all of them.
func bars() []bar {
	all := []bar{
		{"three no-op stages, timings on", "ThreeStages", weir, cpu, 1.3, []string{"chunks"}},
		{"three no-op stages, timings off", "ThreeStages", untimed, cpu, 1.0, []string{"chunks"}},
		{"three no-op stages, timings on", "ThreeStages", weir, cpu, 0.75, first},
		{"three stages of 1 us", "Work/work=1us", weir, cpu, 1.10, batched},
		{"three stages of 20 us", "Work/work=20us", weir, cpu, 1.03, batched},
		{"8 ordered workers, no-op", "Workers/work=noop", weir, cpu, 1.8, slots},
		{"8 ordered workers, 100 ns", "Workers/work=100ns", weir, cpu, 1.2, slots},
		{"8 ordered workers, 1 us", "Workers/work=1us", weir, cpu, 1.05, slots},
	}
	all = append(all, sectionBars()...)
	all = append(all, serveBars()...)
	all = append(all, flowBars()...)
	return append(all, costBars()...)
}

func sectionBars() []bar {
	libraries := []string{"libraries-free", "failsafe-free"}
	section := func(what, which string, most float64, of []string) bar {
		return bar{"section, " + what, "SectionCalls/call=" + which, weir, cpu, most, of}
	}
	return []bar{
		section("1 ms calls, 64 workers", "1ms/workers=64", 1.0, prims),
		section("1 ms calls, 64 workers", "1ms/workers=64", 0.9, libraries),
		section("1 ms calls, 256 workers", "1ms/workers=256", 1.0, prims),
		section("1 ms calls, 256 workers", "1ms/workers=256", 0.9, libraries),
		section("1 us, 8 workers", "1us/workers=8", 0.90, ordered),
		section("20 us, 8 workers", "20us/workers=8", 1.02, ordered),
		section("no-op, 8 workers", "noop/workers=8", 0.40, ordered),
		section("no-op, 8 workers, 1 in 10 fails", "noop/workers=8/fail=10", 0.40, ordered),
		section("no-op, 8 workers", "noop/workers=8", 1.0, first),
		{"a Timeout layer, 1 us", "Timeout/call=1us", weir, cpu, 1.2, []string{"without"}},
	}
}

func serveBars() []bar {
	return []bar{
		{"Serve.Do, no-op, 1 caller", "Serve/call=noop/callers=1", weir, cpu, 4, prims},
		{"Serve.Do, no-op, 16 callers", "Serve/call=noop/callers=16", weir, cpu, 4, prims},
		{"Serve.Do, no-op, 256 callers", "Serve/call=noop/callers=256", weir, cpu, 4, prims},
		{"Serve.Do, no-op, 1 caller, p50", "Serve/call=noop/callers=1", weir, "p50-ns", 3000, nil},
		{"Serve.Do, 1 ms, 64 callers", "Serve/call=1ms/callers=64", weir, cpu, 2.0, prims},
		{"Serve.Do, 1 ms, 64 callers, allocations", "Serve/call=1ms/callers=64", weir, "allocs/op", 5, nil},
	}
}

func flowBars() []bar {
	all := []bar{
		{"Results", "Results", weir, cpu, 1.0, rill},
		{"Chan", "Chan", weir, cpu, 1.0, rill},
	}
	for _, op := range []string{"Batch", "Window", "Join", "Zip", "FlatMap", "Lanes"} {
		all = append(all, bar{op, "Operators/op=" + strings.ToLower(op), weir, cpu, 2.0, batched})
	}
	return append(all,
		bar{"latency at 1 item a ms, p50", "Latency", weir, "p50/channels", 1.0, nil},
		bar{"latency at 1 item a ms, p99", "Latency", weir, "p99/channels", 1.0, nil},
		bar{"start, run, end: a Map of 4 workers", "Start/flow=map", weir, cpu, 2.5, rill},
		bar{"start, run, end: a Map, bytes", "Start/flow=map", weir, "B/op", 20_000, nil},
		bar{"start, run, end: a section", "Start/flow=section", weir, cpu, 8, []string{"hand"}},
		bar{"start, run, end: a section, bytes", "Start/flow=section", weir, "B/op", 40_000, nil},
		bar{"idle section, bytes", "Idle/flow=section/seen=0", weir, "own-B", 25_000, nil},
		bar{"idle section, goroutines", "Idle/flow=section/seen=0", weir, "own-goroutines", 2, nil},
		bar{"an item that waits in the retry layer", "RetryWaiting", weir, "waiting-B", 256 + 8, nil},
	)
}

func costBars() []bar {
	return []bar{
		{"compile a package of 15 item types", "Compile/types=15", weir, cpu, 1.5, rill},
		{"compile a further type", "CompileFurther", weir, cpu, 3, rill},
		{"compile a further section", "CompileFurther", "weir-section", cpu, 5, rill},
		{"binary of 15 item types, stripped", "Compile/types=15", weir, "binary-B", 1.3, rill},
		{"breaker, open", "BreakerOpen", weir, cpu, 0.10, []string{"gobreaker"}},
		{"retry, first try", "RetryFirstTry", weir, cpu, 1.0, []string{"retry-go"}},
	}
}
