package chat

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// policy is what the options of [New] set.
type policy struct {
	key         string
	timeout     time.Duration
	connections int
}

// check returns all that is wrong with the policy.
func (p policy) check() error {
	var faults []error
	if p.timeout <= 0 {
		faults = append(faults, fmt.Errorf("timeout %v is not above 0", p.timeout))
	}
	if p.connections <= 0 {
		faults = append(faults, fmt.Errorf("%d connections: at least 1 is needed", p.connections))
	}
	if strings.ContainsAny(p.key, "\r\n") {
		// net/http would refuse every call, with an error that contains the key.
		faults = append(faults, errors.New("the key contains a line break"))
	}
	return errors.Join(faults...)
}

// Option configures a client; see [New].
type Option func(*policy)

// Key sends key as the bearer token of every call. The default is none. No error of
// this package contains the key.
func Key(key string) Option { return func(p *policy) { p.key = strings.TrimSpace(key) } }

// Timeout bounds each call, from dialling to the last byte. The default is 30 s; it
// must be above 0.
func Timeout(d time.Duration) Option { return func(p *policy) { p.timeout = d } }

// Connections is how many idle connections the client keeps for the next calls. It
// should be the number of calls at a time. The default is 16; it must be above 0.
func Connections(n int) Option { return func(p *policy) { p.connections = n } }

// checkBase returns base without its last slash. It finds the usual mistakes before
// the first call, whose error would speak of a protocol scheme.
func checkBase(base string) (string, error) {
	u, err := url.Parse(base)
	switch {
	case err != nil:
		return "", fmt.Errorf("base URL: %w", err)
	case u.Scheme != "http" && u.Scheme != "https":
		return "", fmt.Errorf("base URL %q does not start with http:// or https://", base)
	case u.Host == "":
		return "", fmt.Errorf("base URL %q names no host", base)
	case u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("base URL %q must end with the path", base)
	}
	return strings.TrimRight(base, "/"), nil
}
