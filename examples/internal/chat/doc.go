// Package chat asks a service that speaks OpenAI's chat completions for one
// answer at a time.
//
// A client inside a resilient flow has to say what each failure means. Here each
// error carries an outcome of github.com/weir-go/weir/primitives/outcome, so the
// breaker and the retry around a call need no knowledge of HTTP:
//
//	429, 503 with Retry-After         throttled, for as long as the service asked
//	408, 409, 425, 5xx                failure, worth another try
//	no answer, cut off, not JSON      failure, worth another try
//	429 because the quota is spent    permanent
//	any other status                  permanent
//
// The client itself never tries again and never waits. It reads at most 64 KiB of
// header and 1 MiB of body of a response, and each call has a timeout.
package chat
