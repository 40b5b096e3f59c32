package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxBody is the longest request taken, in bytes.
const maxBody = 1 << 20

// request is a chat completion as it is sent on. The gateway reads of it what it
// must; the rest is between the client and the model.
type request struct {
	body json.RawMessage
	hash [sha256.Size]byte
}

// key tells requests apart. Equal ones are equal whatever the order of their fields.
func (r request) key() [sha256.Size]byte { return r.hash }

// read reads and checks a request. model is for one that names none. The error is
// for the client: it says what is wrong with the request.
func read(w http.ResponseWriter, r *http.Request, model string) (request, error) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return request{}, err
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
	// Encoded anew the fields are sorted, and all spaces are gone.
	body, err := json.Marshal(fields)
	return request{body, sha256.Sum256(body)}, err
}

// check returns all that is wrong with a request.
func check(fields map[string]any) error {
	var faults []string
	bad := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Sprintf(format, args...))
		}
	}
	model, isText := fields["model"].(string)
	bad(!isText, "model is not a string")
	bad(isText && model == "", "model is missing, and the gateway was started without one")
	messages, isList := fields["messages"].([]any)
	bad(!isList, "messages is missing or not a list")
	bad(isList && len(messages) == 0, "messages is empty")
	for i, m := range messages {
		message, isObject := m.(map[string]any)
		role, _ := message["role"].(string)
		bad(!isObject, "messages[%d] is not an object", i)
		bad(isObject && role == "", "messages[%d].role is missing", i)
	}
	stream, there := fields["stream"]
	bad(there && stream != false && stream != nil, "stream is not supported: leave it out or set it to false")
	if faults == nil {
		return nil
	}
	return errors.New(strings.Join(faults, "; "))
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
