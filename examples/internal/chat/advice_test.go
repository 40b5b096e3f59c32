package chat

import (
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// The test makes the error itself: to look up a name that does not exist needs a
// network, and some resolvers answer with the address of an advertisement.
func TestAdviceNamesTheHostThatWasNotFound(t *testing.T) {
	missing := &Error{Op: "ping", Err: fmt.Errorf("dial: %w", &net.DNSError{Name: "api.exmaple.com", IsNotFound: true})}
	require.Equal(t, "no such host: api.exmaple.com", (&Client{}).advice(missing))
	broken := &Error{Op: "ping", Err: &net.DNSError{Name: "api.example.com", IsTimeout: true}}
	require.Empty(t, (&Client{}).advice(broken))
}
