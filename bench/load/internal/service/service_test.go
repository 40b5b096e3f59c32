package service_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/bench/load/internal/service"
)

// steady returns manners without chance.
func steady() service.Manners {
	return service.Manners{Slots: 2, Backlog: 1, Median: 10 * time.Millisecond, RetryAfter: 25 * time.Millisecond}
}

// crowd sends n requests at a time and returns what each was answered.
func crowd(t *testing.T, s *service.Service, n int) []*httptest.ResponseRecorder {
	t.Helper()
	answers := make([]*httptest.ResponseRecorder, n)
	var all sync.WaitGroup
	for i := range answers {
		answers[i] = httptest.NewRecorder()
		all.Go(func() { s.ServeHTTP(answers[i], httptest.NewRequest(http.MethodGet, "/jobs/42", nil)) })
		synctest.Wait()
	}
	all.Wait()
	return answers
}

func codes(answers []*httptest.ResponseRecorder) map[int]int {
	n := map[int]int{}
	for _, a := range answers {
		n[a.Code]++
	}
	return n
}

func counts(t *testing.T, s *service.Service) (c service.Counts) {
	t.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/counts", nil))
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &c))
	return c
}

func started(t *testing.T, m service.Manners) *service.Service {
	t.Helper()
	s, err := service.New(m)
	require.NoError(t, err)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/begin", nil))
	require.Equal(t, http.StatusOK, w.Code)
	return s
}

func TestItAnswersWithTheKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, begin := started(t, steady()), time.Now()
		answer := crowd(t, s, 1)[0]
		require.Equal(t, http.StatusOK, answer.Code)
		require.Equal(t, "42", answer.Body.String())
		require.Equal(t, 10*time.Millisecond, time.Since(begin))
	})
}

func TestWhatComesOnTopOfTheBacklogIsThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, begin := started(t, steady()), time.Now()
		answers := crowd(t, s, 5)
		require.Equal(t, map[int]int{200: 3, 429: 2}, codes(answers))
		require.Equal(t, 20*time.Millisecond, time.Since(begin), "the third waits for a slot")
		require.Equal(t, "25", answers[4].Header().Get("Retry-After-Ms"))
		require.Equal(t, "1", answers[4].Header().Get("Retry-After"), "whole seconds, never too few")
		require.Equal(t, service.Counts{Calls: 5, Answered: 3, Throttled: 2}, counts(t, s))
		require.Equal(t, map[int]int{200: 3}, codes(crowd(t, s, 3)), "the room is given back")
	})
}

func TestItIsDownForAsLongAsItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := steady()
		m.OutageAt, m.Outage = 50*time.Millisecond, 100*time.Millisecond
		s, begin := started(t, m), time.Now()
		for time.Since(begin) < 300*time.Millisecond {
			at := time.Since(begin)
			want := http.StatusOK
			if at >= m.OutageAt && at < m.OutageAt+m.Outage {
				want = http.StatusServiceUnavailable
			}
			require.Equal(t, want, crowd(t, s, 1)[0].Code, "at %v", at)
			time.Sleep(time.Millisecond)
		}
		c := counts(t, s)
		require.Positive(t, c.Refused)
		require.Equal(t, c.Calls, c.Answered+c.Refused)
	})
}

func TestTheOutageWaitsForTheBeginning(t *testing.T) {
	m := steady()
	m.Outage = time.Hour
	synctest.Test(t, func(t *testing.T) {
		s, err := service.New(m)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, crowd(t, s, 1)[0].Code)
	})
}

func TestACallerThatGoesAwayGivesItsSlotBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := started(t, steady())
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range 3 { // two at work, one waiting
			all.Go(func() {
				s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/jobs/1", nil))
			})
		}
		synctest.Wait()
		cancel()
		all.Wait()
		require.Equal(t, service.Counts{Calls: 3}, counts(t, s))
		require.Equal(t, map[int]int{200: 3}, codes(crowd(t, s, 3)))
	})
}

func TestAShareFailsAndTheSeedSaysWhich(t *testing.T) {
	outcomes := func(seed uint64) (all []int) {
		synctest.Test(t, func(t *testing.T) {
			m := steady()
			m.Seed, m.FailShare, m.Sigma = seed, 0.25, 0.5
			s := started(t, m)
			for range 400 {
				all = append(all, crowd(t, s, 1)[0].Code)
			}
			require.InDelta(t, 100, counts(t, s).Failed, 30)
		})
		return all
	}
	require.Equal(t, outcomes(1), outcomes(1))
	require.NotEqual(t, outcomes(1), outcomes(2))
}

// What it can do is what the load is a part of.
func TestItsCapacityIsWhatItSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := service.Typical(1)
		s, begin := started(t, m), time.Now()
		const n = 4000
		var all sync.WaitGroup
		for range m.Slots + m.Backlog {
			all.Go(func() {
				for range n / (m.Slots + m.Backlog) {
					s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/jobs/1", nil))
				}
			})
		}
		all.Wait()
		c := counts(t, s)
		require.Zero(t, c.Throttled)
		require.InEpsilon(t, m.Capacity(), float64(c.Calls)/time.Since(begin).Seconds(), 0.05)
	})
}

func TestMannersOutOfRangeAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(*service.Manners){
		"no slots":         func(m *service.Manners) { m.Slots = 0 },
		"negative backlog": func(m *service.Manners) { m.Backlog = -1 },
		"no time":          func(m *service.Manners) { m.Median = 0 },
		"negative spread":  func(m *service.Manners) { m.Sigma = -1 },
		"a share above 1":  func(m *service.Manners) { m.FailShare = 2 },
		"negative outage":  func(m *service.Manners) { m.Outage = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			m := steady()
			spoil(&m)
			_, err := service.New(m)
			require.ErrorContains(t, err, "service: ")
		})
	}
}
