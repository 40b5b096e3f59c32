// Command gateway stands between its clients and a model, and speaks OpenAI's chat
// completions with both: whoever has a client of OpenAI points it here. It is a
// flow that serves calls, with the four primitives of weir in front of the model.
//
//	GOTOOLCHAIN=auto go run ./examples/gateway
//	curl localhost:8080/v1/chat/completions -d '{"messages":[{"role":"user","content":"What is a weir? A low dam."}]}'
//
// The model is a stand-in that this process serves on loopback, so that nothing
// else is needed; it has the faults of a real service, see the package standin. To
// stand in front of a real one:
//
//	OPENAI_BASE_URL=https://api.openai.com/v1 OPENAI_API_KEY=... go run ./examples/gateway -model gpt-4o-mini
//
// What a client meets:
//
//	200  the answer; the header Server-Timing tells what it cost
//	400  the request cannot be meant so; the message says what is wrong with it
//	413  the request is longer than 1 MiB
//	429  as many requests are in work as the gateway takes; Retry-After tells when to come back
//	502  the model failed, however often it was tried
//	503  the model is down, or the gateway shuts down; Retry-After, too
//	504  there was no answer within the time the client has: "Prefer: wait=10" sets it
//
// Equal requests share one call, and its answer is kept for a while. What the model
// says about a request itself, such as 404 for a model that it has not got, is passed
// on. GET /metrics shows the figures as JSON, GET /healthz whether the gateway takes
// requests. Ctrl-C lets nobody in any more, answers what is in work, and prints the
// report of the run.
//
// The parts, in the order in which a request meets them:
//
//	config.go               what the user can choose
//	main.go                 the beginning and the end of the process
//	server.go               HTTP: routes, serving, shutting down
//	handler.go              one request
//	request.go              what a request must be
//	gateway.go              the flow: guard, dedup, breaker and retry around the call
//	refusal.go              what a failure means to a client
//	metrics.go              the figures, as JSON
//	latency.go              how long answers took
//	../internal/chat        the client of the model
//	../internal/standin     the model where none is configured
//	../internal/endpoint    joins the last two
package main
