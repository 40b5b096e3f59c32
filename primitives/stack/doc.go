// Package stack composes the primitives around a plain function.
//
// [Around] takes the function. Each further method adds a layer: a guard, a
// deduplicator, a breaker, a retry, a rate limit, a timeout, or a layer of your own.
// The stack is made once and used for all calls:
//
//	var answer = stack.Around(model.Answer). // func(context.Context, Prompt) (Answer, error)
//		Guard(guard.Limit(64)).
//		Dedup(dedup.Window(time.Minute), Prompt.Key).
//		Breaker(breaker.Consecutive("model", 5, 10*time.Second)).
//		Retry(retry.Exponential(3, 50*time.Millisecond))
//
//	a, err := answer.Do(ctx, prompt)
//
// # Order
//
// The layers enclose the call in the order in which they are added: the first is the
// outermost. A request goes down through them, and the response comes back up. The
// order above suits most services. What another order changes:
//
//   - A guard outside a dedup bounds all callers, callers that wait for a shared result
//     included. Inside, it bounds the calls of the function alone.
//   - A dedup outside a breaker and a retry shares one run of them. Inside a retry, each
//     try can be shared with other callers.
//   - A breaker outside a retry sees one outcome for all tries of a call. Inside, it sees
//     each try, opens in the middle of a call, and ends it.
//   - A rate limit inside a retry makes each try pay. Outside, each call pays once.
//   - A timeout inside a retry bounds each try. Outside, it bounds the call with its
//     waits.
//
// A layer can stand in a stack several times.
//
// # Errors
//
// These errors reach the caller as they are: the error of the function, a rejection by
// a layer, and the *[retry.Error] of a retry. errors.Is and errors.As find in them
// what the packages of the layers describe. All layers judge an error by one
// classifier, see [Stack.Classify]. The default is [outcome.Classify].
//
// A fault in a layer, such as an invalid policy, is kept: [Stack.Err] names the layer,
// and each call fails with it.
//
// # Sharing
//
// A policy makes a guard, a breaker, a retrier, a limiter or a deduplicator for this
// stack. To share one between stacks, or to observe it, pass the *[guard.Guard], the
// *[breaker.Breaker] and so on.
//
// A Stack does not change: each method returns a new one, which shares the layers that
// are there with the one it was made from.
//
// # Cost
//
// A stack holds no goroutine and needs no closing. A layer costs what its primitive
// costs. A retry, and each option of a guard, add an allocation to a call.
package stack
