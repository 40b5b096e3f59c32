package outcome_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

var errQuota = errors.New("quota is used up")

func ExampleError_Error() {
	fmt.Println(outcome.AsPermanent(errQuota).Error())
	// Output: quota is used up
}

func ExampleError_Unwrap() {
	fmt.Println(errors.Is(outcome.AsIgnored(errQuota), errQuota))
	// Output: true
}

func ExampleError_Outcome() {
	told, _ := errors.AsType[*outcome.Error](outcome.AsThrottled(errQuota, time.Minute))
	fmt.Println(told.Outcome().Kind, told.Outcome().After)
	// Output: throttled 1m0s
}

func ExampleKind_String() {
	fmt.Println(outcome.Success.String(), outcome.Permanent.String())
	// Output: success permanent
}
