package stages

import "github.com/sourcegraph/conc"

// outlive does the work of a stage at node. Where a user's function ends the
// goroutine by [runtime.Goexit], which costs the item that it was called for and
// nothing else, run is called again, from another goroutine, to go on with the
// next item: what it knows of the stream must not be its own. A goroutine that exits
// runs what is deferred, and so waits for the other; what outlive returns then is
// left at the node, for [settle].
func outlive(node *Node, run func() error) (err error) {
	ended := false
	try := func() {
		err = run()
		ended = true
	}
	defer func() {
		if ended {
			return
		}
		if p := recover(); p != nil {
			panic(p)
		}
		for !ended {
			var wg conc.WaitGroup
			wg.Go(try)
			wg.Wait()
		}
		node.outlived, node.verdict = true, err
	}()
	try()
	return err
}
