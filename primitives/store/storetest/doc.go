// Package storetest checks implementations of [store.Store], and makes a store fail on
// purpose.
//
// [Run] is the conformance suite. Each promise of the interface that the users of a store
// rely on is a check of its own.
//
//	func TestConformance(t *testing.T) {
//		storetest.Run(t, func() []store.Store {
//			server := start(t)
//			return []store.Store{server.client(), server.client()}
//		})
//	}
//
// [Faulty] stands between a store and its user. It does to the calls what a script says:
// it fails, delays, forgets or corrupts them. It also counts them, for tests of code that
// promises to make none.
package storetest
