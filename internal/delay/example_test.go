package delay_test

import (
	"fmt"
	"math"

	"github.com/weir-go/weir/internal/delay"
)

func ExampleQueue() {
	var q delay.Queue[string]
	q.Push(30, "third")
	q.Push(10, "first")
	q.Push(20, "second")
	for now := int64(0); q.Len() > 0; now += 5 {
		for v, ok := q.PopDue(now); ok; v, ok = q.PopDue(now) {
			fmt.Println(now, v)
		}
	}
	// Output:
	// 10 first
	// 20 second
	// 30 third
}

func ExampleQueue_Push() {
	var q delay.Queue[string]
	q.Push(10, "due")
	fmt.Println(q.PopDue(10))
	// Output: due true
}

func ExampleQueue_PopDue() {
	var q delay.Queue[string]
	q.Push(20, "later")
	q.Push(10, "sooner")
	_, ok := q.PopDue(9)
	fmt.Println(ok)
	fmt.Println(q.PopDue(math.MaxInt64)) // whenever it is due
	// Output:
	// false
	// sooner true
}

func ExampleQueue_Next() {
	var q delay.Queue[string]
	q.Push(20, "later")
	q.Push(10, "sooner")
	fmt.Println(q.Next()) // set a timer for this
	// Output: 10 true
}

func ExampleQueue_Len() {
	var q delay.Queue[string]
	q.Push(20, "later")
	fmt.Println(q.Len())
	// Output: 1
}
