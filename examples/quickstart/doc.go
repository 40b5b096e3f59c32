// Command quickstart writes a glossary of the Go standard library: for each package,
// one sentence on the package and one on each package that it imports. A model writes
// the sentences, behind the four primitives of weir.
//
//	GOTOOLCHAIN=auto go run ./examples/quickstart
//
// The input is the real source of the installed Go release. The model is a stand-in
// that this process serves on loopback, so that nothing else is needed. It has the
// faults of a real service; see the package standin. To ask a real one:
//
//	OPENAI_BASE_URL=https://api.openai.com/v1 OPENAI_API_KEY=... go run ./examples/quickstart -model gpt-4o-mini
//
// The parts, in the order in which an item meets them:
//
//	config.go             what the user can choose
//	../internal/godoc     the packages and their documentation
//	../internal/glossary  the question about a package, and the form of the result
//	../internal/chat      the client of the model
//	../internal/standin   the model if none is configured
//	../internal/endpoint  joins the last two
//	survey.go             the flow: guard, dedup, retry and breaker around the call
//	outage.go             what happens when the service stays down
//	summary.go            the figures at the end
//	internal/progress     how far the run has come
//	../internal/report    the tables at its end
package main
