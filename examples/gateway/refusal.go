package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/weir-go/weir/examples/internal/chat"
	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/stages"
)

// statusGone is the status that nginx logs for a client that did not wait for its
// answer. The gateway counts it; the client has usually gone.
const statusGone = 499

// errGone ends a request if its client has hung up.
var errGone = errors.New("the client has gone")

// badRequest is a fault of the client, in words for the client.
type badRequest struct{ error }

func (e badRequest) Unwrap() error { return e.error }

// late ends a request if its client has no more time.
type late time.Duration

func (l late) Error() string { return fmt.Sprintf("no answer within %v", time.Duration(l)) }

func (late) Is(target error) bool { return target == context.DeadlineExceeded }

// refusal is the response in place of an answer.
type refusal struct {
	status  int
	kind    string // OpenAI's type of the error
	message string
	after   time.Duration // when to come back; 0 if that is not known
}

// refuse says what a failure means to a client. It tells only what a client can use:
// the faults of the gateway stay inside.
func refuse(err error) refusal {
	var bad badRequest
	var long *http.MaxBytesError
	var delayed slow
	var shed *guard.ShedError
	var open *breaker.OpenError
	var model *chat.Error
	switch {
	case errors.As(err, &long):
		return refusal{http.StatusRequestEntityTooLarge, "invalid_request_error", fmt.Sprintf("the request is longer than %d bytes", long.Limit), 0}
	case errors.As(err, &delayed):
		return refusal{http.StatusRequestTimeout, "invalid_request_error", delayed.Error(), 0}
	case errors.As(err, &bad):
		return refusal{http.StatusBadRequest, "invalid_request_error", bad.Error(), 0}
	case errors.As(err, &shed):
		return refusal{http.StatusTooManyRequests, "rate_limit_exceeded", fmt.Sprintf("%d of %d requests are in work", shed.Depth, shed.Capacity), max(shed.After, time.Second)}
	case errors.As(err, &open):
		return refusal{http.StatusServiceUnavailable, "service_unavailable", "the model is down", open.After()}
	case errors.Is(err, flow.ErrStopped), errors.Is(err, stages.ErrAborted):
		return refusal{http.StatusServiceUnavailable, "service_unavailable", "the gateway is shutting down", time.Second}
	case errors.Is(err, context.DeadlineExceeded):
		return refusal{http.StatusGatewayTimeout, "timeout", deadline(err), 0}
	case errors.Is(err, errGone):
		return refusal{status: statusGone}
	case errors.As(err, &model):
		return refuseFor(model, outcome.Classify(context.Background(), err))
	}
	return refusal{http.StatusInternalServerError, "server_error", "the gateway has failed", 0}
}

// deadline says whose time was up.
func deadline(err error) string {
	var own late
	if errors.As(err, &own) {
		return own.Error()
	}
	return "the model did not answer in time"
}

// refuseFor passes on what the model says about the request itself. If the model
// refuses the gateway's key, or has failed, that is not the client's fault.
func refuseFor(e *chat.Error, o outcome.Outcome) refusal {
	switch {
	case o.Kind == outcome.Throttled:
		return refusal{http.StatusServiceUnavailable, "service_unavailable", "the model is throttled", max(o.After, time.Second)}
	case e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden || e.Status == http.StatusTooManyRequests:
		return refusal{http.StatusBadGateway, "bad_gateway", "the model does not serve this gateway", 0}
	case e.Status >= 400 && e.Status < 500:
		return refusal{e.Status, "invalid_request_error", e.Excerpt, 0}
	case e.Status >= 500:
		return refusal{http.StatusBadGateway, "bad_gateway", fmt.Sprintf("the model failed with status %d", e.Status), 0}
	}
	return refusal{http.StatusBadGateway, "bad_gateway", "the model gave no answer", 0}
}

// write sends the refusal in the form that OpenAI documents.
func (f refusal) write(w http.ResponseWriter) {
	if f.status == statusGone {
		w.WriteHeader(statusGone) // otherwise the server would say 200
		return
	}
	if f.after > 0 {
		// HTTP knows only whole seconds, and a client that comes too early is refused again.
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(f.after.Seconds()))))
	}
	reply(w, f.status, map[string]any{"error": map[string]string{"message": clip(f.message), "type": f.kind, "code": f.kind}})
}

// maxMessage is the longest message of a refusal, in bytes. A message may quote the
// client or the model, which must not decide how long the answer is.
const maxMessage = 1000

// clip returns the beginning of a text that is too long.
func clip(text string) string {
	if len(text) <= maxMessage {
		return text
	}
	return strings.ToValidUTF8(text[:maxMessage], "") + "…"
}

// reply sends a value. It drops the error of the write: the client may have gone.
func reply(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}
