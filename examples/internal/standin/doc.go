// Package standin is a chat completions service that runs inside this process,
// so that the example needs no network, no key and no money.
//
// It is spoken to over real HTTP on loopback, and behaves as badly as the real
// ones do: it takes its time, tells some callers to come back later, fails now
// and then, and is down for a while in the middle of the run. Its [Manners] say how
// much of that. Which prompt meets what depends on the seed and on the prompt
// alone, never on chance or on the order of the calls; only the outage begins with
// the n-th request, whichever that is.
//
// The answer is the first sentence of what follows the first empty line of the
// last message. That is where this example puts the documentation.
package standin
