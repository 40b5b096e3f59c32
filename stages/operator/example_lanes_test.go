package operator_test

import (
	"context"
	"fmt"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

// The bookings of one account are made in their order. Those of different accounts are made at
// the same time: ann's first booking waits here until bob's is made.
func ExampleLanes() {
	type booking struct {
		account string
		amount  int
	}
	bobIsDone := make(chan struct{})
	book := func(_ context.Context, b booking) (booking, error) {
		switch b.account {
		case "ann":
			<-bobIsDone
		case "bob":
			defer close(bobIsDone)
		}
		fmt.Println(b.account, b.amount)
		return b, nil
	}
	account := func(b booking) string { return b.account }
	bookings := flow.From(source.Slice([]booking{{"ann", 100}, {"ann", -30}, {"bob", 5}}))
	booked, err := bookings.Via("book", operator.Lanes(account, book, stages.Workers(2))).Collect(context.Background())
	fmt.Println(len(booked), err)
	// Output:
	// bob 5
	// ann 100
	// ann -30
	// 3 <nil>
}
