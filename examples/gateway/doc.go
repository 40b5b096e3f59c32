// Command gateway stands between its clients and a model, and speaks OpenAI's chat
// completions with both. A client of OpenAI works with the gateway if it is given the
// gateway's address. The gateway is a flow that serves calls, with the four primitives
// of weir in front of the model.
//
//	GOTOOLCHAIN=auto go run ./examples/gateway
//	curl localhost:8080/v1/chat/completions -d '{"messages":[{"role":"user","content":"What is a weir? A low dam."}]}'
//
// The model is a stand-in that this process serves on loopback, so that nothing else is
// needed. It has the faults of a real service; see the package standin. To stand in
// front of a real one:
//
//	OPENAI_BASE_URL=https://api.openai.com/v1 OPENAI_API_KEY=... go run ./examples/gateway -model gpt-4o-mini
//
// What a client gets:
//
//	200  the answer; the header Server-Timing tells what it cost
//	400  the request is wrong; the message lists up to ten faults
//	408  the request did not arrive in time
//	413  the request is longer than 1 MiB
//	429  the gateway has as many requests as it takes; Retry-After tells when to come back
//	502  the model failed at every try
//	503  the model is down, or the gateway shuts down; Retry-After tells when to come back
//	504  there was no answer in the time of the model, or of the client: "Prefer: wait=10" sets it
//
// Equal requests share one call, and its answer is kept for a while. What the model
// says about a request itself, such as 404 for a model that does not exist, is passed
// on. GET /metrics shows the figures as JSON, GET /healthz whether the gateway takes
// requests. With -live a page shows the flow at work. After Ctrl-C the gateway takes no
// more requests, answers those in work, and prints the report of the run.
//
// # Bounds
//
// Whatever clients and the model do, the gateway holds and waits for no more than this:
//
//	a connection   16 KiB of header, 64 KiB in each direction of the socket; -clients of them
//	a request      1 MiB of body, 20,000 names and values, 1 MiB of answer; 1.5 times -limit of them
//	the cache      -cache MiB of answers, each for -keep
//	the header, the body and the taking of an answer   -transfer each
//	the model      -timeout for a request, all tries together
//	a client       -wait
//	an idle connection   1 minute
//	the end        -drain, and a second
//
// The share of a single client is not bounded: a client that opens many connections
// delays the others. Put a proxy with a limit per client in front of a gateway that is
// open to the public.
//
// # Parts
//
// In the order in which a request meets them:
//
//	config.go               what the user can choose
//	main.go                 the beginning and the end of the process
//	server.go               HTTP: routes, serving, shutting down
//	listener.go             the bound on connections
//	handler.go              one request
//	request.go              reading a request and bringing it into one form
//	check.go                what a request must be
//	gateway.go              the flow: guard, dedup, breaker, timeout and retry around the call
//	refusal.go              what a failure means to a client
//	metrics.go              the figures, as JSON
//	latency.go              how long answers took
//	../internal/chat        the client of the model
//	../internal/standin     the model if none is configured
//	../internal/endpoint    joins the last two
package main
