// Command fleet is the job of the quickstart, cut in two parts. One process lists the packages of
// the standard library, and others ask a model for a summary of each. JetStream connects the parts,
// and the server is embedded.
//
//	go run ./examples/fleet              one process, which runs both parts
//	go run ./examples/fleet -workers 3   1 + 3 processes; one of the three is killed with kill -9
//	go run ./examples/fleet -scale       throughput of 1, 2 and 4 workers
//
// The model is a stand-in on loopback with an outage. The processes share one breaker, which opens
// for all of them. The program ends with each package summarised once, even after the kill:
//
//   - What the killed worker held comes again, to another worker, after 2 seconds.
//   - If the killed worker had published a summary and not acknowledged its package, the summary is
//     published again under the same ID, and the server drops it. The model was asked twice then.
//
// A worker that is started by hand joins a run that is under way. It ends when the server has gone:
//
//	WEIR_PARTS=summarise go run ./examples/fleet -join nats://127.0.0.1:PORT -model-at http://127.0.0.1:PORT/v1 -name mine
//
// The parts:
//
//	graph.go    the flow: it is the same in every process
//	config.go   what the user can choose
//	main.go     one run, from the server to the tables
//	worker.go   a process that runs the part below
//	site.go     the server, the model and the output of a run
//	crew.go     the worker processes, and the kill
//	output.go   the summaries as they come in
//	news.go     what workers tell of themselves
//	tally.go    who did what
//	scale.go    the measurement
package main
