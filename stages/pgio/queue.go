package pgio

import (
	_ "embed"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Schema is the SQL that creates the tables. It may be run more than once, and by several workers at
// the same time, if it runs in one transaction. A call of Exec of a pool runs it in one. If nothing is
// missing, it does not wait for transactions that use the tables.
//
//go:embed schema.sql
var Schema string

// The defaults of a [Queue].
const (
	DefaultTerm     = 30 * time.Second
	DefaultInFlight = 1000
	DefaultSize     = 100
	DefaultPoll     = time.Second
)

// Queue is a queue in the table weir_queue. Many queues share the table, each with its name. See
// [Schema].
//
// A worker takes rows in a short statement, which skips rows that others are taking. The row then
// belongs to it for a term, which is renewed while the row is in the flow. No transaction is open
// meanwhile. A row that is done is deleted. If its worker dies, the row is handed out again when
// the term is over.
//
// A queue can be used from any goroutine.
type Queue struct {
	pool *pgxpool.Pool
	name string

	term          time.Duration
	inFlight      int
	size          int
	poll          time.Duration
	perKey        bool
	maxDeliveries int
	ends          func(error) bool
}

// Option is an option of [NewQueue].
type Option func(*Queue)

// NewQueue returns the queue of the given name. The caller owns the pool. Faults of the options are
// reported by the methods, and when a graph is validated.
func NewQueue(pool *pgxpool.Pool, name string, opts ...Option) *Queue {
	q := &Queue{pool: pool, name: name, term: DefaultTerm, inFlight: DefaultInFlight, size: DefaultSize, poll: DefaultPoll, ends: lasts}
	for _, o := range opts {
		o(q)
	}
	return q
}

// Term sets how long a row belongs to a worker that does not renew. It is [DefaultTerm] unless
// set. A dead worker's rows are handed out again after it. It is renewed after a third, so it
// bounds no call.
func Term(d time.Duration) Option { return func(q *Queue) { q.term = d } }

// InFlight bounds how many rows a worker has that are not settled. It is [DefaultInFlight] unless
// set. A worker that dies repeats no more than that. It must exceed what a Batch or a Window of the
// flow holds back, or they wait for each other until the batch is due by time. A flow with a larger
// Batch that is never due is not valid.
func InFlight(n int) Option { return func(q *Queue) { q.inFlight = n } }

// Size sets how many rows are taken at once, at most. It is [DefaultSize] unless set.
func Size(n int) Option { return func(q *Queue) { q.size = n } }

// Poll sets how often an idle worker looks for rows if no notification comes. It is [DefaultPoll]
// unless set.
func Poll(d time.Duration) Option { return func(q *Queue) { q.poll = d } }

// PerKey hands out the rows of a key one at a time, in the order of their ids, over all workers. A
// row that is handed back with a delay holds up those behind it. Rows without a key have no
// order. All workers of the queue must use the same setting.
//
// Ids follow the order of insertion. If two transactions insert rows of a key at the same time, a
// worker can see the later id first. Then, and if a dead letter is replayed, a row can be handed out
// while a later one of its key is at a worker.
func PerKey() Option { return func(q *Queue) { q.perKey = true } }

// MaxDeliveries makes a row a dead letter, in place of its n+1st delivery. It is for rows that end
// the process: no policy of a flow can help there. 0, the default, sets no bound.
func MaxDeliveries(n int) Option { return func(q *Queue) { q.maxDeliveries = n } }

// Ends sets which errors of taking rows end the run. By default those for which [Heals] is false
// do. After any other error the source tries again, with pauses of up to 1 second, and
// [stages.Health] shows the error. A run that is asked to stop ends without one. This one waits for
// a migration that has not made the table yet:
//
//	pgio.Ends(func(err error) bool {
//		var refused *pgconn.PgError
//		return !pgio.Heals(err) && !(errors.As(err, &refused) && refused.Code == "42P01")
//	})
func Ends(ends func(error) bool) Option { return func(q *Queue) { q.ends = ends } }

// Name returns the name of the queue.
func (q *Queue) Name() string { return q.name }

// Validate returns what is wrong with the options.
func (q *Queue) Validate() error {
	return errors.Join(
		fault(q.pool == nil, "pgio: pool is nil"),
		fault(q.name == "", "pgio: queue has no name"),
		fault(len(q.name) > 200, "pgio: queue name is longer than 200 bytes"),
		fault(q.term < 10*time.Millisecond, "pgio: term is below 10 ms"),
		fault(q.inFlight < 1, "pgio: in-flight bound is below 1"),
		fault(q.size < 1, "pgio: size is below 1"),
		fault(q.poll <= 0, "pgio: poll interval is not positive"),
		fault(q.maxDeliveries < 0, "pgio: maximum of deliveries is negative"),
		fault(q.ends == nil, "pgio: function of Ends is nil"),
	)
}

func fault(is bool, what string) error {
	if is {
		return errors.New(what)
	}
	return nil
}
