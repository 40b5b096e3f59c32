package live

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
)

// maxBody is the largest size of a request in bytes.
const maxBody = 64 << 10

// order is a request of a viewer.
type order struct {
	Action string   `json:"action"` // pause, resume, workers or capacity
	Name   string   `json:"name"`   // of the stage, or of the guard
	N      int      `json:"n"`
	IDs    []uint64 `json:"ids"` // of letters
}

// fault is an answer with a status other than 200.
type fault struct {
	status int
	error
}

// post guards requests that change something. Such a request must come from the page, by its origin
// and its token. It must be JSON, which no form of another site can send.
func (p *page) post(do func(*http.Request, order) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		o, err := p.admit(w, r)
		var answer any
		if err == nil {
			answer, err = do(r, o)
		}
		if err != nil {
			status := http.StatusBadRequest
			var f fault
			if errors.As(err, &f) {
				status = f.status
			}
			reply(w, status, map[string]string{"error": err.Error()})
			return
		}
		reply(w, http.StatusOK, answer)
	}
}

func (p *page) admit(w http.ResponseWriter, r *http.Request) (o order, err error) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", "POST")
		return o, fault{http.StatusMethodNotAllowed, errors.New("only POST")}
	case p.origin.Check(r) != nil:
		return o, fault{http.StatusForbidden, errors.New("the request comes from another site")}
	case subtle.ConstantTimeCompare([]byte(r.Header.Get("X-Weir-Token")), []byte(p.token)) != 1:
		return o, fault{http.StatusForbidden, errors.New("the token is not that of the page: load the page again")}
	case kind != "application/json":
		return o, fault{http.StatusUnsupportedMediaType, errors.New("the request is not JSON")}
	}
	err = json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&o)
	return o, err
}

func reply(w http.ResponseWriter, status int, answer any) {
	body, err := json.Marshal(answer)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a viewer that has gone needs no answer
}

// control changes settings of the run.
func (p *page) control(_ *http.Request, o order) (any, error) {
	if !p.controls {
		return nil, fault{http.StatusForbidden, errors.New("this page has no controls")}
	}
	done := map[string]bool{"done": true}
	switch o.Action {
	case "pause":
		return done, p.run.Pause(o.Name)
	case "resume":
		return done, p.run.Resume(o.Name)
	case "workers":
		return done, p.run.SetWorkers(o.Name, o.N)
	case "capacity":
		g := p.guards[o.Name]
		if g == nil {
			return nil, fmt.Errorf("guard %q: its capacity cannot be set from this page", o.Name)
		}
		return done, g.Resize(o.N)
	}
	return nil, fmt.Errorf("unknown action %q", o.Action)
}
