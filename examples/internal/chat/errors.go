package chat

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weir-go/weir/primitives/outcome"
)

// ErrTimeout matches the error of a call that the client's own timeout ended.
var ErrTimeout = errors.New("no answer in time")

var errTooLong = fmt.Errorf("the response is longer than %d bytes", maxBody)

// timeoutError is a deadline for errors.Is, and tells its length.
type timeoutError time.Duration

func errTimeout(d time.Duration) error { return timeoutError(d) }

func (e timeoutError) Error() string { return fmt.Sprintf("no answer within %v", time.Duration(e)) }

// Is makes the error a deadline for the default classifier of outcomes, and for
// callers that ask for context.DeadlineExceeded.
func (e timeoutError) Is(target error) bool {
	return target == ErrTimeout || target == context.DeadlineExceeded
}

// Error describes one failed call. It never holds the key or the prompt.
type Error struct {
	// Op is "complete" or "ping".
	Op string
	// Status is the HTTP status, or 0 if there was no response.
	Status int
	// Code is the error code in the response, such as "rate_limit_exceeded".
	Code string
	// Excerpt is the error message in the response, or the beginning of its body if it
	// has no message: one line of at most 200 bytes.
	Excerpt string
	// Err is the cause below HTTP, or what is wrong with a response of status 200.
	Err error
}

// Error returns one line.
func (e *Error) Error() string {
	// The status comes first: it says more than the text of a cause.
	var line strings.Builder
	line.WriteString("chat: " + e.Op)
	if e.Status != 0 {
		fmt.Fprintf(&line, ": %d %s", e.Status, http.StatusText(e.Status))
	}
	if e.Err != nil {
		line.WriteString(": " + e.Err.Error())
	}
	if e.Excerpt != "" {
		line.WriteString(": " + e.Excerpt)
	}
	return line.String()
}

// Unwrap returns the cause, so that errors.Is finds context.Canceled in it.
func (e *Error) Unwrap() error { return e.Err }

// mean marks the error with its outcome. A nil header stands for a request that
// could not be built: another try would not help.
func (e *Error) mean(header http.Header) error {
	wait, told := retryAfter(header)
	switch {
	case e.Status == http.StatusTooManyRequests && e.Code == "insufficient_quota":
		// The account is out of credit: this is the one 429 that waiting does not cure.
		return outcome.AsPermanent(e)
	case e.Status == http.StatusTooManyRequests, e.Status == http.StatusServiceUnavailable && told:
		return outcome.AsThrottled(e, wait)
	case e.Status >= 500, e.Status == http.StatusRequestTimeout,
		e.Status == http.StatusConflict, e.Status == http.StatusTooEarly:
		return e
	}
	return outcome.AsPermanent(e)
}

// excerpt returns the beginning of text as one line of valid UTF-8.
func excerpt(text []byte) string {
	const most = 200
	line := errorMessage(text)
	if line == "" {
		line = string(text[:min(len(text), 2*most)])
	}
	// Spaces are joined, so the text that is looked at is longer than the excerpt.
	line = line[:min(len(line), 2*most)]
	line = strings.Join(strings.Fields(strings.ToValidUTF8(line, "")), " ")
	if len(line) <= most {
		return line
	}
	end := most - len("…")
	for !utf8.RuneStart(line[end]) {
		end--
	}
	return line[:end] + "…"
}
