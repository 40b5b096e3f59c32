package main

import (
	"context"
	"errors"
	"net"

	"github.com/weir-go/weir/primitives/guard"
)

// socketBuffer is how many bytes the operating system keeps for a connection in each
// direction. It would take megabytes for a client that does not read.
const socketBuffer = 64 << 10

// bounded is a listener with a bound on the connections that are open at a time. A
// client beyond the bound waits in the queue of the operating system, which has a
// bound of its own.
type bounded struct {
	net.Listener
	places *guard.Guard
	open   context.Context // ends with Close
	close  context.CancelFunc
}

// bound returns the listener with one place for each connection.
func bound(l net.Listener, places *guard.Guard) *bounded {
	open, cancel := context.WithCancel(context.Background())
	return &bounded{Listener: l, places: places, open: open, close: cancel}
}

// Accept waits for a place, and then for a client. While it waits for a client, it
// holds the place.
func (b *bounded) Accept() (net.Conn, error) {
	place, err := b.places.Acquire(b.open)
	if err != nil {
		return nil, net.ErrClosed
	}
	conn, err := b.Listener.Accept()
	if err != nil {
		place.Release()
		return nil, err
	}
	if socket, ok := conn.(*net.TCPConn); ok {
		err = errors.Join(socket.SetReadBuffer(socketBuffer), socket.SetWriteBuffer(socketBuffer))
	}
	if err != nil { // the client has gone already
		_ = conn.Close()
	}
	return &placed{conn, place}, nil
}

// Close ends an Accept that waits.
func (b *bounded) Close() error {
	b.close()
	return b.Listener.Close()
}

// placed is a connection that gives its place back when it is closed.
type placed struct {
	net.Conn
	place guard.Permit
}

func (p *placed) Close() error {
	defer p.place.Release() // the second time it does nothing
	return p.Conn.Close()
}
