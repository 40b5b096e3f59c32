// Package figurestest checks what the snapshots of the primitives show of themselves. It is for
// tests.
package figurestest

import (
	"iter"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Snapshot is what the snapshots of all primitives have in common, beside a field Name.
type Snapshot interface {
	Figures() iter.Seq2[string, float64]
	Labels() iter.Seq2[string, string]
}

var lower = regexp.MustCompile(`^[a-z][a-z_]*$`)

// Check fills the numbers of s, which points to an empty snapshot. It fails the test unless each
// number is a figure with a name of its own. The label kind must be as given, and the label name
// must be that of the snapshot, if it has one.
func Check(t *testing.T, s Snapshot, kind string) {
	t.Helper()
	unnamed(t, s)
	want := fill(reflect.ValueOf(s).Elem())
	seen := map[string]bool{}
	for name, value := range s.Figures() {
		switch {
		case seen[name]:
			t.Errorf("figure %s is shown twice", name)
		case !lower.MatchString(name):
			t.Errorf("figure %q must be lower case", name)
		case strings.HasSuffix(name, "_total") && strings.Contains(name, "seconds"):
			t.Errorf("figure %s is a time and a count", name)
		}
		seen[name] = true
		delete(want, value)
	}
	for _, field := range want {
		t.Errorf("field %s is no figure", field)
	}
	for range s.Figures() { // a range may end early
		break
	}
	named(t, s, kind)
}

// fill gives each number a value of its own, and returns the names of the fields by value. It
// leaves out a text, a list and a state.
func fill(v reflect.Value) map[float64]string {
	want := map[float64]string{}
	for i := range v.NumField() {
		n := i + 1
		switch f := v.Field(i); {
		case f.Type() == reflect.TypeFor[time.Duration]():
			f.SetInt(int64(n) * int64(time.Second))
		case f.CanInt():
			f.SetInt(int64(n))
		case f.CanUint() && f.Type().Kind() != reflect.Uint8:
			f.SetUint(uint64(n))
		case f.CanFloat():
			f.SetFloat(float64(n))
		default:
			continue
		}
		want[float64(n)] = v.Type().Field(i).Name
	}
	return want
}

// unnamed checks the labels of a snapshot without a name.
func unnamed(t *testing.T, s Snapshot) {
	t.Helper()
	for name := range s.Labels() {
		if name == "name" {
			t.Error("a snapshot without a name has the label name")
		}
	}
}

// named checks the labels of a snapshot with a name.
func named(t *testing.T, s Snapshot, kind string) {
	t.Helper()
	reflect.ValueOf(s).Elem().FieldByName("Name").SetString("model")
	labels := map[string]string{}
	for name, text := range s.Labels() {
		labels[name] = text
	}
	if labels["kind"] != kind || labels["name"] != "model" {
		t.Errorf("labels are %v", labels)
	}
}
