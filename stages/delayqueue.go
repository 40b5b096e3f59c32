package stages

// delayQueue holds values until they are due, the earliest first: a binary heap
// of values, 16 bytes a pointer, without an allocation per entry. Values that
// are due at the same time come out in any order.
type delayQueue[V any] struct{ heap []delayed[V] }

type delayed[V any] struct {
	due   int64
	value V
}

func (q *delayQueue[V]) len() int { return len(q.heap) }

// first returns when the earliest value is due. There must be one.
func (q *delayQueue[V]) first() int64 { return q.heap[0].due }

func (q *delayQueue[V]) push(due int64, v V) {
	q.heap = append(q.heap, delayed[V]{due, v})
	i := len(q.heap) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if q.heap[parent].due <= q.heap[i].due {
			return
		}
		q.heap[parent], q.heap[i] = q.heap[i], q.heap[parent]
		i = parent
	}
}

// pop removes and returns the earliest value. There must be one.
func (q *delayQueue[V]) pop() V {
	last := len(q.heap) - 1
	v := q.heap[0].value
	q.heap[0] = q.heap[last]
	q.heap[last] = delayed[V]{}
	q.heap = q.heap[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if q.heap[child].due < q.heap[least].due {
				least = child
			}
		}
		if least == i {
			return v
		}
		q.heap[i], q.heap[least] = q.heap[least], q.heap[i]
		i = least
	}
}
