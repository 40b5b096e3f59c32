package pgio

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/weir-go/weir/stages"
)

// Row is a row of a queue that a worker has taken.
type Row struct {
	ID      int64
	Key     string
	Payload []byte
	Headers map[string]string // nil if there are none
	Created time.Time
	// Deliveries is how often the row was handed out, this time included. Together with the id
	// it tells one lease from all others.
	Deliveries int
}

// Message is what becomes a row.
type Message struct {
	// ID suppresses repeats: a message whose ID the queue has seen within the last hour is not put
	// again. Without one, a repeat is a row of its own.
	ID      string
	Key     string // see [PerKey]
	Payload []byte
	Headers map[string]string
	// Delay is how long the row waits before it is handed out.
	Delay time.Duration
}

// JSON returns the payload of a row as a P. It is a function for a Map.
func JSON[P any](_ context.Context, r Row) (P, error) {
	var p P
	if err := json.Unmarshal(r.Payload, &p); err != nil {
		return p, fmt.Errorf("pgio: payload of row %d: %w", r.ID, err)
	}
	return p, nil
}

// token identifies a lease. The lease is over when the row has another count of deliveries.
type token struct {
	id         int64
	deliveries int32
}

func (r Row) token() token { return token{r.ID, int32(r.Deliveries)} }

// id returns the ID of a row for [stages.Receipt].
func (q *Queue) id(r Row) string { return q.name + " " + strconv.FormatInt(r.ID, 10) }

// rowOf returns the row of a failed item: its value, or the value that a Remember stage has kept.
func rowOf(e *stages.ItemError) (Row, bool) {
	for _, v := range []any{e.Value, e.Origin} {
		switch v := v.(type) {
		case Row:
			return v, true
		case *Row:
			return *v, true
		}
	}
	return Row{}, false
}
