package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"encoding/json/jsontext"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	// maxBody is the longest request that the gateway takes, in bytes.
	maxBody = 1 << 20
	// maxValues is how many names and values a request has at most. Parsed, a value
	// as short as {} takes up to 150 bytes: a full body of them would take 80 MB.
	maxValues = 20_000
)

// hash tells requests apart.
type hash [sha256.Size]byte

// request is a chat completion as the gateway sends it on. The gateway reads of it
// what it must; the rest is between the client and the model.
type request struct {
	body json.RawMessage
	hash hash
}

// key is the same for equal requests, whatever the order of their fields.
func (r request) key() hash { return r.hash }

// slow is the failure of a client that did not send its request in time.
type slow time.Duration

func (s slow) Error() string {
	return fmt.Sprintf("the request did not arrive within %v", time.Duration(s))
}

// read reads the body of a request, for which the client has the time d.
func read(w http.ResponseWriter, r *http.Request, d time.Duration) ([]byte, error) {
	if r.ContentLength > maxBody {
		return nil, &http.MaxBytesError{Limit: maxBody}
	}
	// An error here means that the connection is closed, and then the read also fails.
	connection := http.NewResponseController(w)
	_ = connection.SetReadDeadline(time.Now().Add(d))
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, slow(d)
	}
	// The server goes on reading, to notice when the client goes away.
	_ = connection.SetReadDeadline(time.Time{})
	return text, err
}

// decode checks a request and brings it into one form, so that equal requests are
// equal bytes. model is for a request that names none. The error is for the client:
// it says what is wrong with the request.
func decode(text []byte, model string) (request, error) {
	if values(text) > maxValues {
		return request{}, fmt.Errorf("the request has more than %d names and values", maxValues)
	}
	var fields map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // a seed of 64 bits must arrive as it was sent
	if err := decoder.Decode(&fields); err != nil {
		return request{}, fmt.Errorf("the request is not a JSON object: %w", err)
	}
	if fields == nil {
		return request{}, errors.New("the request is not a JSON object: it is null")
	}
	if _, err := decoder.Token(); err != io.EOF {
		return request{}, errors.New("the request goes on after its JSON object")
	}
	if name, there := fields["model"]; !there || name == "" {
		fields["model"] = model
	}
	if err := check(fields); err != nil {
		return request{}, err
	}
	// Encoded again, the fields are sorted, and all spaces are gone.
	body, err := json.Marshal(fields)
	return request{body, sha256.Sum256(body)}, err
}

// values counts the names and values in a JSON text. It stops at a syntax error, and
// beyond maxValues. It allocates next to nothing.
func values(text []byte) int {
	tokens := jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for n := 0; ; {
		token, err := tokens.ReadToken()
		if err != nil || n > maxValues {
			return n
		}
		if kind := token.Kind(); kind != '}' && kind != ']' {
			n++
		}
	}
}

// patience returns how long the client waits: as long as it says in the header
// Prefer (RFC 7240), as in "Prefer: wait=10", but no longer than most.
func patience(header http.Header, most time.Duration) (time.Duration, error) {
	for _, line := range header.Values("Prefer") {
		for preference := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(preference), "=")
			if !strings.EqualFold(strings.TrimSpace(name), "wait") {
				continue
			}
			seconds, err := strconv.ParseUint(strings.TrimSpace(value), 10, 31)
			if err != nil {
				return 0, fmt.Errorf("header Prefer: wait=%s is not a number of whole seconds", strings.TrimSpace(value))
			}
			return min(time.Duration(seconds)*time.Second, most), nil
		}
	}
	return most, nil
}
