package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/weir-go/weir/examples/internal/standin"
)

// site is what a run needs around it: the server, the model, and the output. Close it at the end.
type site struct {
	server *server.Server
	nc     *nats.Conn
	js     jetstream.JetStream
	model  *standin.Server
	base   string // of the model
	board  *board
	output *output
	closes []func() error
}

// open starts all. Workers can join the server if listen is set. The output is complete with the
// wanted number of packages.
func open(ctx context.Context, listen bool, want int, manners standin.Manners) (s *site, err error) {
	s = &site{output: newOutput(want)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if err = s.serve(listen); err != nil {
		return s, err
	}
	if s.nc, err = nats.Connect("", nats.InProcessServer(s.server), nats.MaxReconnects(-1)); err != nil {
		return s, err
	}
	s.closes = append(s.closes, func() error { s.nc.Close(); return nil })
	if s.js, err = jetstream.New(s.nc); err != nil {
		return s, err
	}
	if s.board, err = watch(s.nc); err != nil {
		return s, err
	}
	stop, err := s.output.follow(ctx, s.js)
	if err != nil {
		return s, err
	}
	s.closes = append(s.closes, func() error { stop(); return nil })
	if s.model, err = standin.New(manners); err != nil {
		return s, err
	}
	s.closes = append(s.closes, s.model.Close)
	s.base, err = s.model.Start()
	return s, err
}

// serve starts a server with its files in a temporary folder.
func (s *site) serve(listen bool) error {
	folder, err := os.MkdirTemp("", "fleet")
	if err != nil {
		return err
	}
	s.closes = append(s.closes, func() error { return os.RemoveAll(folder) })
	s.server, err = server.NewServer(&server.Options{
		ServerName: "fleet", Host: "127.0.0.1", Port: server.RANDOM_PORT, DontListen: !listen,
		JetStream: true, StoreDir: folder, NoSigs: true, NoLog: true,
	})
	if err != nil {
		return err
	}
	s.server.Start()
	s.closes = append(s.closes, func() error {
		s.server.Shutdown()
		s.server.WaitForShutdown()
		return nil
	})
	if !s.server.ReadyForConnections(20 * time.Second) {
		return errors.New("the server is not ready after 20 s")
	}
	return nil
}

// close ends all that was started, the last first.
func (s *site) close() (err error) {
	for len(s.closes) > 0 {
		last := len(s.closes) - 1
		err = errors.Join(err, s.closes[last]())
		s.closes = s.closes[:last]
	}
	return err
}

// redelivered returns how many messages the topic has handed out again.
func (s *site) redelivered(ctx context.Context) (uint64, error) {
	c, err := s.js.Consumer(ctx, askPart, "weir")
	if err != nil {
		return 0, err
	}
	d := c.CachedInfo().Delivered
	return d.Consumer - d.Stream, nil
}
