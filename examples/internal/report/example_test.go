package report_test

import (
	"fmt"
	"os"
	"time"

	"github.com/weir-go/weir/examples/internal/report"
)

func ExampleTable_Write() {
	err := report.Table{
		Title:   "Calls",
		Columns: []string{"asked", "made"},
		Rows:    [][]any{{1544, 180}},
	}.Write(os.Stdout)
	fmt.Println(err)
	// Output:
	// Calls
	// asked  made
	// ─────────────
	//  1544   180
	//
	// <nil>
}

func ExampleDuration() {
	fmt.Println(report.Duration(12345678 * time.Nanosecond))
	// Output: 12.3ms
}
