package pgio

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// channel is what the trigger of [Schema] notifies, with the name of the queue.
const channel = "weir_queue"

// listen wakes the intake when there are new rows, until ctx ends. It has a connection of its own,
// so that it takes none from the pool. A notification is only a hint. The intake also polls, so a
// lost notification costs a poll interval and no row.
func (r *intake) listen(ctx context.Context) {
	_ = persist(ctx, lasts, func(error) {}, func(ctx context.Context) error {
		conn, err := r.connect(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
		if _, err := conn.Exec(ctx, "listen "+channel); err != nil {
			return err
		}
		r.rouse() // for rows that came before
		for {
			n, err := conn.WaitForNotification(ctx)
			if err != nil {
				return err
			}
			if n.Payload == r.queue.name {
				r.rouse()
			}
		}
	})
}

// connect opens a connection as the pool does.
func (r *intake) connect(ctx context.Context) (*pgx.Conn, error) {
	pool := r.queue.pool.Config()
	if pool.BeforeConnect != nil {
		if err := pool.BeforeConnect(ctx, pool.ConnConfig); err != nil {
			return nil, err
		}
	}
	return pgx.ConnectConfig(ctx, pool.ConnConfig)
}

// rouse wakes the intake. It never blocks.
func (r *intake) rouse() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}
