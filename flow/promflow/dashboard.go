package promflow

import _ "embed" // of the dashboard

//go:embed dashboard.json
var dashboard []byte

// Dashboard returns a Grafana dashboard for the metrics of this package, as JSON to import or to
// provision. It asks for a Prometheus data source, and has a selector for the flow.
func Dashboard() []byte { return append([]byte(nil), dashboard...) }
