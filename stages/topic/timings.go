package topic

import (
	"encoding/json"
	"time"

	"github.com/weir-go/weir/stages"
)

// maxTimings is the largest number of timings of earlier parts that are read from a header.
const maxTimings = 1 << 10

// encodeTimings returns the value of [HeaderTimings].
func encodeTimings(all []stages.Timing) string {
	rows := make([][4]any, len(all))
	for i, t := range all {
		rows[i] = [4]any{t.Stage, int64(t.Wait), int64(t.Work), t.Attempts}
	}
	b, _ := json.Marshal(rows) // strings and numbers can always be encoded
	return string(b)
}

// decodeTimings reads the value of [HeaderTimings]. It returns nil if the value is not valid.
func decodeTimings(s string) []stages.Timing {
	var rows [][]json.RawMessage
	if s == "" || json.Unmarshal([]byte(s), &rows) != nil || len(rows) > maxTimings {
		return nil
	}
	all := make([]stages.Timing, 0, len(rows)+1)
	for _, row := range rows {
		var t stages.Timing
		if len(row) != 4 || json.Unmarshal(row[0], &t.Stage) != nil || duration(row[1], &t.Wait) != nil ||
			duration(row[2], &t.Work) != nil || json.Unmarshal(row[3], &t.Attempts) != nil {
			return nil
		}
		all = append(all, t)
	}
	return all
}

func duration(b json.RawMessage, d *time.Duration) error { return json.Unmarshal(b, (*int64)(d)) }
