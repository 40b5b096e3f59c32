package promflow_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"
)

// needServers is a variable that makes a skipped test a failure.
const needServers = "WEIR_NEED_SERVERS"

// server is a Prometheus server of the test's own, which scrapes a collector each second.
type server struct{ base string }

// series is an answer of the server: labels, and times with values.
type series struct {
	Metric map[string]string
	Value  [2]any   // of a query
	Values [][2]any // of a query for a range
}

// newServer starts a server, which ends with the test. If none is installed, the test is skipped.
func newServer(t *testing.T, c prometheus.Collector) *server {
	t.Helper()
	bin, err := exec.LookPath("prometheus")
	if err != nil && os.Getenv(needServers) == "" {
		t.Skip("prometheus is not installed (apt-get install prometheus)")
	}
	require.NoError(t, err, needServers+" is set")
	reg := prometheus.NewRegistry()
	reg.MustRegister(c)
	scraped := httptest.NewServer(promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	t.Cleanup(scraped.Close)

	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
  - job_name: weir
    static_configs: [{targets: [%q]}]
`, strings.TrimPrefix(scraped.URL, "http://")), 0o600))
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := free.Addr().String()
	require.NoError(t, free.Close())
	var log bytes.Buffer
	cmd := exec.Command(bin, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+addr)
	cmd.Stderr = &log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		http.DefaultClient.CloseIdleConnections()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	s := &server{"http://" + addr}
	require.Eventually(t, func() bool {
		_, err := s.get(t.Context(), "/-/ready", nil)
		return err == nil
	}, time.Minute, 100*time.Millisecond, "the server does not start")
	return s
}

func (s *server) get(ctx context.Context, path string, q url.Values) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+path+"?"+q.Encode(), nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	return body, err
}

// ask returns the answer to a query, without series that are not a number.
func (s *server) ask(t *testing.T, path string, q url.Values) (all []series) {
	t.Helper()
	body, err := s.get(t.Context(), path, q)
	require.NoError(t, err, q.Get("query"))
	var answer struct{ Data struct{ Result []series } }
	require.NoError(t, json.Unmarshal(body, &answer))
	for _, one := range answer.Data.Result {
		if one.Value[1] != "NaN" {
			all = append(all, one)
		}
	}
	return all
}

func (s *server) query(t *testing.T, expr string) []series {
	t.Helper()
	return s.ask(t, "/api/v1/query", url.Values{"query": {expr}})
}
