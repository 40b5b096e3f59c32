package storetest

import "errors"

// errNoWatcher ends the streams of a [Faulty] before a store that has none.
var errNoWatcher = errors.New("the store is not a Watcher")
