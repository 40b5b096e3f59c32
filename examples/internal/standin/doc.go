// Package standin is a chat completions service that runs inside this process, so
// that the examples need no network, no key and no money.
//
// The service speaks real HTTP on loopback, and behaves as badly as the real ones do:
//
//   - it is slow,
//   - it tells some callers to come back later,
//   - it fails now and then,
//   - it is down for a while in the middle of the run.
//
// Its [Manners] set how much of that. What a prompt meets depends only on the seed and
// the prompt, never on chance or on the order of the calls. Only the outage begins with
// the n-th request, whichever that is.
//
// The answer is the first sentence after the first empty line of the last message,
// because the quickstart puts the documentation there.
//
// The service has bounds: a request has at most 1 MiB, an answer 4000 bytes. The
// service remembers at most 20,000 prompts. A client has 10 s to send a header, and
// about as long to send a body or to take an answer.
package standin
