package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/store"
)

func TestCheckKeyAndFolder(t *testing.T) {
	for key, ok := range map[string]bool{
		"a": true, "a/b-c_D9": true, "=20": true, "": false, "/": false, "a/": false, "/a": false, "a//b": false,
		"a b": false, "a.b": false, "ä": false, "a\n": false,
	} {
		err := store.CheckKey(key)
		require.Equal(t, ok, err == nil, "%q", key)
		require.Equal(t, ok, store.CheckFolder(key+"/") == nil, "folder %q/", key)
		if !ok {
			require.ErrorIs(t, err, store.ErrKey)
		}
	}
	require.NoError(t, store.CheckFolder(""))
	require.ErrorIs(t, store.CheckFolder("a"), store.ErrKey)
}

// Names from outside make valid keys, and different names different ones.
func FuzzKey(f *testing.F) {
	f.Add("a", "b", "a/b", "")
	f.Add("", "", "=", "x")
	f.Add("a b", "c", "a=20b", "c")
	f.Fuzz(func(t *testing.T, a, b, c, d string) {
		one, two := store.Key(a, b), store.Key(c, d)
		require.NoError(t, store.CheckKey(one))
		require.NoError(t, store.CheckFolder(one+"/"))
		require.Equal(t, a == c && b == d, one == two)
		require.NotEqual(t, store.Key(a), one)
	})
}

func TestKeyLeavesPlainBytesAlone(t *testing.T) {
	const plain = "azAZ09-_"
	require.Equal(t, plain, store.Key(plain))
	require.NoError(t, store.CheckKey(plain))
	require.Equal(t, "=60=7B=40=5B=2F=3A", store.Key("`{@[/:"), "their neighbours are not")
}
