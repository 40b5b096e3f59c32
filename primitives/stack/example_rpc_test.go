package stack_test

import (
	"context"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/primitives/stack"
)

// These are the types of google.golang.org/grpc, without what does not matter here.
type (
	invoker     func(ctx context.Context, method string, req, reply any) error
	interceptor func(ctx context.Context, method string, req, reply any, invoke invoker) error
	code        int
)

const (
	codeInvalidArgument   code = 3
	codeResourceExhausted code = 8
	codeUnavailable       code = 14
)

// rpcError stands for the error of a status.
type rpcError struct {
	code  code
	delay time.Duration // of its RetryInfo
}

func (e *rpcError) Error() string { return fmt.Sprintf("rpc error: code = %d", e.code) }

// byCode says what a status means. A call that its caller has cancelled gets a status,
// too, which says nothing about the service.
func byCode(ctx context.Context, err error) outcome.Outcome {
	e, ok := err.(*rpcError)
	switch {
	case !ok || outcome.Cancelled(ctx):
		return outcome.Classify(ctx, err)
	case e.code == codeResourceExhausted:
		return outcome.Outcome{Kind: outcome.Throttled, After: e.delay}
	case e.code == codeInvalidArgument:
		return outcome.Outcome{Kind: outcome.Permanent}
	}
	return outcome.Outcome{Kind: outcome.Failure}
}

// rpc is one call, as it goes through the layers.
type rpc struct {
	method     string
	req, reply any
	invoke     invoker
}

// intercept returns an interceptor whose layers are shared by all calls.
func intercept() interceptor {
	calls := stack.Around(func(ctx context.Context, c rpc) (struct{}, error) {
		return struct{}{}, c.invoke(ctx, c.method, c.req, c.reply)
	}).
		Classify(byCode).
		Guard(guard.Limit(100)).
		Breaker(breaker.Consecutive("directory", 5, 10*time.Second)).
		Retry(retry.Exponential(3, time.Millisecond)).
		Timeout(time.Second)
	return func(ctx context.Context, method string, req, reply any, invoke invoker) error {
		_, err := calls.Do(ctx, rpc{method, req, reply, invoke})
		return err
	}
}

func Example_unaryInterceptor() {
	tries := 0
	invoke := func(_ context.Context, method string, req, reply any) error {
		tries++
		switch {
		case req == "":
			return &rpcError{code: codeInvalidArgument}
		case tries < 3:
			return &rpcError{code: codeUnavailable}
		}
		*reply.(*string) = fmt.Sprintf("%s(%v)", method, req)
		return nil
	}
	call := intercept()

	var reply string
	err := call(context.Background(), "/directory/Find", "weir", &reply, invoke)
	fmt.Println(reply, err, "after", tries, "tries")

	err = call(context.Background(), "/directory/Find", "", &reply, invoke)
	fmt.Println(err)
	// Output:
	// /directory/Find(weir) <nil> after 3 tries
	// retry: permanent after 1 attempt: rpc error: code = 3
}
