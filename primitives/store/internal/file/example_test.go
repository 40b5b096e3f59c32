package file_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/weir-go/weir/primitives/store/internal/file"
)

// temporary is a directory for an example, and what removes it.
func temporary() (dir string, remove func()) {
	dir, err := os.MkdirTemp("", "weir")
	if err != nil {
		panic(err)
	}
	return dir, func() { os.RemoveAll(dir) }
}

// Two handles to one directory are as good as two processes.
func ExampleStore_Load() {
	dir, remove := temporary()
	defer remove()
	ctx := context.Background()
	_, _ = file.Store{Dir: dir}.CompareAndSet(ctx, "k", 0, []byte("v"), time.Hour)
	e, err := file.Store{Dir: dir}.Load(ctx, "k")
	fmt.Println(string(e.Value), e.Revision > 0, err)
	// Output: v true <nil>
}

func ExampleStore_List() {
	dir, remove := temporary()
	defer remove()
	s := file.Store{Dir: dir}
	_, _ = s.CompareAndSet(context.Background(), "votes/a", 0, nil, time.Hour)
	all, err := s.List(context.Background(), "votes/")
	fmt.Println(len(all), err)
	// Output: 1 <nil>
}

func ExampleStore_CompareAndSet() {
	dir, remove := temporary()
	defer remove()
	s := file.Store{Dir: dir}
	first, _ := s.CompareAndSet(context.Background(), "k", 0, nil, time.Hour)
	second, err := s.CompareAndSet(context.Background(), "k", first, nil, time.Hour)
	fmt.Println(second > first, err)
	fmt.Println(s.CompareAndSet(context.Background(), "k", first, nil, time.Hour))
	// Output:
	// true <nil>
	// 0 store: conflict
}
