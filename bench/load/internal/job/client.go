package job

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// Client speaks to the service. All implementations call through one like it.
type Client struct {
	base string
	// calls keeps to the time-out of the settings. patient does not, for what
	// comes before the run: a busy machine may take longer to open so many
	// connections at once.
	calls, patient *http.Client
}

// NewClient returns a client of the service at base that keeps as many
// connections as there may be calls. Close it at the end.
func NewClient(base string, s Settings) *Client {
	// The default keeps two idle connections for a host, and would have the others
	// dial for nearly every call.
	t := &http.Transport{MaxIdleConns: 0, MaxIdleConnsPerHost: s.InFlight, DisableCompression: true}
	return &Client{
		base:    base,
		calls:   &http.Client{Transport: t, Timeout: s.Timeout},
		patient: &http.Client{Transport: t},
	}
}

// Call asks for a key, once.
func (c *Client) Call(ctx context.Context, key uint64) (Answer, error) {
	body, err := do(ctx, c.calls, http.MethodGet, c.base+"/jobs/"+strconv.FormatUint(key, 10))
	if err != nil {
		return Answer{}, err
	}
	got, err := strconv.ParseUint(body, 10, 64)
	return Answer{Key: got}, err
}

// Warm opens n connections, so that dialling is not part of what is measured. It
// takes as long as ctx lasts.
func (c *Client) Warm(ctx context.Context, n int) error {
	g, ctx := errgroup.WithContext(ctx)
	for range n {
		g.Go(func() error {
			_, err := do(ctx, c.patient, http.MethodGet, c.base+"/ping")
			return err
		})
	}
	return g.Wait()
}

// Begin tells the service that its time begins now.
func (c *Client) Begin(ctx context.Context) error {
	_, err := do(ctx, c.patient, http.MethodPost, c.base+"/begin")
	return err
}

// Close gives the connections back.
func (c *Client) Close() { c.calls.CloseIdleConnections() }

func do(ctx context.Context, through *http.Client, method, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return "", err
	}
	response, err := through.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body) // to the end, or the connection is lost
	switch {
	case err != nil:
		return "", fmt.Errorf("the answer broke off: %w", err)
	case response.StatusCode != http.StatusOK:
		return "", &StatusError{Code: response.StatusCode, After: retryAfter(response.Header)}
	}
	return strings.TrimSpace(string(body)), nil
}

// retryAfter prefers Retry-After-Ms, which some services send because a second
// is long.
func retryAfter(h http.Header) time.Duration {
	if ms, err := strconv.Atoi(h.Get("Retry-After-Ms")); err == nil && ms >= 0 {
		return time.Duration(ms) * time.Millisecond
	}
	if s, err := strconv.Atoi(h.Get("Retry-After")); err == nil && s >= 0 {
		return time.Duration(s) * time.Second
	}
	return 0
}
