package stack_test

import (
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

// model is what a stack promises for calls that come one after the other, without any of
// its ways: a clock, and layers that call each other.
type model struct {
	now    time.Duration
	script []outcome.Kind // what the function does; success when it is over
	calls  int
}

const (
	work        = time.Second // that each call of the function takes
	retryDelay  = 2 * time.Second
	pause       = 3 * time.Second // that a throttled call asks for
	recovery    = 5 * time.Second
	limitEvery  = work
	keptFor     = 20 * time.Second
	timeoutTime = 4500 * time.Millisecond // at no time at which anything else happens
)

// request is what goes down.
type request struct {
	key      int
	deadline time.Duration // 0: none
}

// result is what comes up.
type result struct {
	kind    outcome.Kind
	open    bool // a breaker has rejected the call
	retried bool // the error of a retry
	tried   bool // and it has tried again
}

func (r result) ok() bool   { return r.kind == outcome.Success }
func (r result) fail() bool { return r.kind == outcome.Failure || r.kind == outcome.Throttled }

// modelLayer is one layer: it calls next as often as it likes.
type modelLayer func(m *model, req request, next func(request) result) result

// do runs a call through the layers.
func (m *model) do(layers []modelLayer, req request) result {
	if len(layers) == 0 {
		return m.call(req)
	}
	return layers[0](m, req, func(req request) result { return m.do(layers[1:], req) })
}

func (m *model) call(req request) result {
	kind := outcome.Success
	if m.calls < len(m.script) {
		kind = m.script[m.calls]
	}
	m.calls++
	if req.deadline > 0 && m.now+work > req.deadline {
		m.now = req.deadline
		return result{kind: outcome.Failure}
	}
	m.now += work
	return result{kind: kind}
}

func modelGuard() modelLayer {
	return func(_ *model, req request, next func(request) result) result { return next(req) }
}

func modelTimeout() modelLayer {
	return func(m *model, req request, next func(request) result) result {
		if end := m.now + timeoutTime; req.deadline == 0 || end < req.deadline {
			req.deadline = end
		}
		return next(req)
	}
}

func modelDedup() modelLayer {
	kept := map[int]time.Duration{} // until when
	return func(m *model, req request, next func(request) result) result {
		if m.now < kept[req.key] {
			return result{}
		}
		r := next(req)
		if r.ok() {
			kept[req.key] = m.now + keptFor
		}
		return r
	}
}

func modelLimiter() modelLayer {
	var free time.Duration // when the next unit is there
	return func(m *model, req request, next func(request) result) result {
		if req.deadline > 0 && free > req.deadline {
			return result{kind: outcome.Ignored}
		}
		m.now = max(m.now, free)
		free = m.now + limitEvery
		r := next(req)
		if r.kind == outcome.Throttled {
			free = max(free, m.now+pause)
		}
		return r
	}
}

func modelBreaker(threshold int) modelLayer {
	failures, open, probing, until := 0, false, false, time.Duration(0)
	return func(m *model, req request, next func(request) result) result {
		if open && m.now < until {
			return result{kind: outcome.Ignored, open: true}
		}
		probing = probing || open
		open = false
		r := next(req)
		switch {
		case r.ok():
			failures, probing = 0, false
		case r.fail():
			if failures++; probing || failures >= threshold {
				open, probing, until = true, false, m.now+recovery
			}
		}
		return r
	}
}

func modelRetry(attempts int) modelLayer {
	return func(m *model, req request, next func(request) result) result {
		for attempt := 1; ; attempt++ {
			r := next(req)
			if r.kind == outcome.Permanent && r.retried {
				r.kind = outcome.Failure // permanent to the retry inside
			}
			wait := retryDelay
			if r.kind == outcome.Throttled {
				wait = pause
			}
			late := req.deadline > 0 && m.now+wait > req.deadline
			switch {
			case r.ok():
				return r
			case !r.fail():
				return result{kind: r.kind, open: r.open, retried: true, tried: attempt > 1}
			case attempt == attempts, late, r.tried:
				return result{kind: r.kind, retried: true, tried: attempt > 1 || r.tried}
			}
			m.now += wait
		}
	}
}
