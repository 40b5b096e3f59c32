// Package storetest tells whether an implementation of [store.Store] is one, and
// breaks one on purpose.
//
// [Run] is the conformance suite: everything that the contract of the interface
// promises, and that whoever uses a store relies on, is a check of its own.
//
//	func TestConformance(t *testing.T) {
//		storetest.Run(t, func() []store.Store {
//			server := start(t)
//			return []store.Store{server.client(), server.client()}
//		})
//	}
//
// [Faulty] stands between a store and its user and does to the calls what a
// script says: fails, delays, forgets, corrupts. It also counts them, for those
// who promise not to make any.
package storetest
