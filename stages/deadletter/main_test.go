package deadletter

import (
	"context"
	"fmt"
	"io"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/weir-go/weir/stages"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(inTheBackground); path != "" {
		os.Exit(hold(path))
	}
	goleak.VerifyTestMain(m)
}

// inTheBackground, if set, makes a test binary a second process. That process opens the file of this
// name, puts a letter into it, and holds the file until its input ends.
const inTheBackground = "WEIR_DEADLETTER_HOLD"

// hold is what the second process does.
func hold(path string) int {
	f, err := OpenFile[int](path)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	if err := f.Put(context.Background(), &stages.ItemError{Stage: "second", Value: 2, Err: errFlaky}); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("holding")
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := f.Close(); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}
