package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/weir-go/weir/bench/load/internal/service"
)

// serve is the service's process: it is told its manners, says its address, and
// serves until its standard input ends.
func serve(stdin io.Reader, stdout, stderr io.Writer) int {
	ignoreSignals()
	if err := listen(stdin, stdout); err != nil {
		fmt.Fprintf(stderr, "load service: %v\n", err)
		return 1
	}
	return 0
}

func listen(stdin io.Reader, stdout io.Writer) error {
	var m service.Manners
	words := json.NewDecoder(stdin)
	if err := words.Decode(&m); err != nil {
		return err
	}
	handler, err := service.New(m)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	fmt.Fprintln(stdout, listener.Addr())
	untilEnd(words, stdin)
	if err := server.Close(); err != nil {
		return err
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// untilEnd returns when nothing more can come.
func untilEnd(words *json.Decoder, stdin io.Reader) {
	_, _ = io.Copy(io.Discard, io.MultiReader(words.Buffered(), stdin))
}
