package redisio

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// The defaults of a [Stream].
const (
	DefaultTerm     = 30 * time.Second
	DefaultInFlight = 1000
	DefaultSize     = 100
	DefaultBlock    = 500 * time.Millisecond
)

// Stream is a stream of Redis and a consumer group that reads it. Other groups of the stream are
// streams of their own.
//
// An entry that was handed out is pending until it is acknowledged. The member that has it keeps
// resetting its idle time. An entry that has been idle for a term is handed to another member. An
// entry that was handed back stays pending, and is handed out when its delay is over. A sorted set
// beside the stream has the times, by the clock of the server. If the set is lost, the entry is
// handed out when it has been idle for a term.
//
// A Stream can be used from any goroutine.
type Stream struct {
	client redis.UniversalClient
	key    string
	group  string

	consumer      string
	term          time.Duration
	inFlight      int
	size          int
	block         time.Duration
	from          string
	remove        bool
	maxDeliveries int
	ends          func(error) bool
}

// Option is an option of [NewStream].
type Option func(*Stream)

// NewStream returns the stream at key, read by a group. The group is made when a source begins, if
// there is none. The caller owns the client. Faults of the options are reported by
// [Stream.Validate], and when a graph is validated.
func NewStream(client redis.UniversalClient, key, group string, opts ...Option) *Stream {
	s := &Stream{client: client, key: key, group: group, term: DefaultTerm, inFlight: DefaultInFlight, size: DefaultSize, block: DefaultBlock, from: "0", ends: lasts}
	for _, o := range opts {
		o(s)
	}
	return s
}

// Term sets how long an entry belongs to a member that does not renew. It is [DefaultTerm] unless
// set. A dead member's entries are handed out again after it. It is renewed after a third, so it
// bounds no call. All members of the group must use the same term.
func Term(d time.Duration) Option { return func(s *Stream) { s.term = d } }

// InFlight bounds how many entries a member has that are not settled. It is [DefaultInFlight]
// unless set. A member that dies repeats no more than that. It must exceed what a Batch or a Window
// of the flow holds back, or they wait for each other until the batch is due by time. A flow with a
// larger Batch that is never due is not valid.
func InFlight(n int) Option { return func(s *Stream) { s.inFlight = n } }

// Size sets how many entries are read at once, at most. It is [DefaultSize] unless set.
func Size(n int) Option { return func(s *Stream) { s.size = n } }

// Block sets how long a read waits in the server. It is [DefaultBlock] unless set. A source stops,
// and an idle one looks for entries whose delay is over, within that time.
func Block(d time.Duration) Option { return func(s *Stream) { s.block = d } }

// From sets where a new group begins: "0", the default, for all that is in the stream, "$" for what
// is added from then on, or an id.
func From(id string) Option { return func(s *Stream) { s.from = id } }

// Consumer sets the name of the member. It must not be shared by members that run at the same time.
// Unless set, each run makes a name of the host, the process and a random part. A member that has
// left without pending entries is removed from the group.
func Consumer(name string) Option { return func(s *Stream) { s.consumer = name } }

// Delete deletes acknowledged entries from the stream, so its length is the number of entries still
// to do. It is for streams with one group: other groups may not get to see the entries.
func Delete() Option { return func(s *Stream) { s.remove = true } }

// MaxDeliveries makes an entry a dead letter, in place of its n+1st delivery. It is for entries
// that end the process: no policy of a flow can help there. 0, the default, sets no bound.
func MaxDeliveries(n int) Option { return func(s *Stream) { s.maxDeliveries = n } }

// Ends sets which errors of a read end the run. By default those for which [Heals] is false do.
// After any other error the source tries again, with pauses of up to 1 second, and [stages.Health]
// shows the error. A run that is asked to stop ends without one. This one also ends the run when
// the server's data is lost:
//
//	redisio.Ends(func(err error) bool {
//		return !redisio.Heals(err) || strings.Contains(err.Error(), "NOGROUP")
//	})
func Ends(ends func(error) bool) Option { return func(s *Stream) { s.ends = ends } }

// Validate returns what is wrong with the options.
func (s *Stream) Validate() error {
	return errors.Join(
		fault(s.client == nil, "redisio: client is nil"),
		fault(s.key == "", "redisio: key is empty"),
		fault(s.group == "", "redisio: group is empty"),
		fault(s.term < 10*time.Millisecond, "redisio: term is below 10 ms"),
		fault(s.inFlight < 1, "redisio: in-flight bound is below 1"),
		fault(s.size < 1, "redisio: size is below 1"),
		fault(s.block < time.Millisecond, "redisio: block is below 1 ms"),
		fault(s.maxDeliveries < 0, "redisio: maximum of deliveries is negative"),
		fault(s.ends == nil, "redisio: function of Ends is nil"),
	)
}

func fault(is bool, what string) error {
	if is {
		return errors.New(what)
	}
	return nil
}

// member returns the name of the member of a run.
func (s *Stream) member() string {
	if s.consumer != "" {
		return s.consumer
	}
	host, _ := os.Hostname()
	return fmt.Sprintf("%s-%d-%s", host, os.Getpid(), rand.Text()[:8])
}

// tagged reports whether a cluster computes the slot of a key from a part in braces.
func tagged(key string) bool {
	_, behind, ok := strings.Cut(key, "{")
	return ok && strings.Index(behind, "}") > 0
}

// beside returns a key in the slot of the stream's key in a cluster. A key with a closing brace
// needs a tag of its own there.
func (s *Stream) beside(what string) string {
	if tagged(s.key) {
		return s.key + ":" + s.group + ":" + what
	}
	return "{" + s.key + "}:" + s.group + ":" + what
}

// open makes the group if there is none.
func (s *Stream) open(ctx context.Context) error {
	err := s.client.XGroupCreateMkStream(ctx, s.key, s.group, s.from).Err()
	if err != nil && strings.HasPrefix(err.Error(), "BUSYGROUP") {
		return nil
	}
	return err
}

// reader returns a client with a connection of its own, for reads that block. Such reads would
// occupy the connections of the caller's pool. It shares no state with the caller's client, which
// changes its configuration of notifications when it connects.
func (s *Stream) reader() (c redis.UniversalClient, end func()) {
	switch c := s.client.(type) {
	case *redis.Client:
		o := *c.Options()
		o.PoolSize, o.MinIdleConns, o.MaxIdleConns, o.MaxRetries = 1, 0, 0, -1
		o.PushNotificationProcessor = nil // it belongs to the other client
		o.MaintNotificationsConfig = silent()
		own := redis.NewClient(&o)
		return own, func() { _ = own.Close() }
	case *redis.ClusterClient:
		o := *c.Options()
		o.PoolSize, o.MinIdleConns, o.MaxIdleConns = 1, 0, 0
		o.MaintNotificationsConfig = silent()
		own := redis.NewClusterClient(&o)
		return own, func() { _ = own.Close() }
	}
	return s.client, func() {}
}

// silent asks for no notifications of maintenance: a read that fails is tried again.
func silent() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}
