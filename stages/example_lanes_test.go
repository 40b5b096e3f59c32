package stages_test

import (
	"context"
	"fmt"

	"github.com/weir-go/weir/stages"
)

// The bookings of one account are made in their order, those of different
// accounts at the same time: ann's first one waits here until bob's is made.
func ExampleLanes() {
	type booking struct {
		account string
		amount  int
	}
	bobIsDone := make(chan struct{})
	book := func(_ context.Context, b booking) (string, error) {
		switch b.account {
		case "ann":
			<-bobIsDone
		case "bob":
			defer close(bobIsDone)
		}
		return fmt.Sprint(b.account, " ", b.amount), nil
	}
	account := func(b booking) string { return b.account }
	_ = run(stages.Slice([]booking{{"ann", 100}, {"ann", -30}, {"bob", 5}}),
		stages.Lanes(account, book, stages.Workers(2)), show[string]())
	// Output:
	// bob 5
	// ann 100
	// ann -30
}
