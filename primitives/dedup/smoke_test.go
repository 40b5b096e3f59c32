package dedup

import (
	"context"
	"fmt"
	"testing"
	"time"
)

func TestSmoke(t *testing.T) {
	d, err := New[string, int](Window(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100000 {
		c := d.Check(fmt.Sprint(i % 3000))
		if c.State == First {
			d.Complete(c.Token, i)
		} else if c.State != Cached || c.Value != i%3000 {
			t.Fatal(c)
		}
	}
	v, err := d.Do(context.Background(), "x", func(context.Context) (int, error) { return 7, nil })
	t.Log(v, err, fmt.Sprintf("%+v", d.Snapshot()))
}
