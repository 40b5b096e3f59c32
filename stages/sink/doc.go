// Package sink has the sinks: where items leave a flow.
package sink
