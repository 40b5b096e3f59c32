// Package promflow shows the runs of a process to Prometheus. It is a module of its own, so that
// the core does not need Prometheus' client.
//
//	metrics := promflow.NewCollector()
//	prometheus.MustRegister(metrics)
//	report, err := graph.Run(ctx, flow.Named("orders"), metrics.Watch())
//
// A scrape takes one snapshot of each run, and an item costs nothing. With [flow.Distributions]
// there are histograms as well, native ones with classic buckets beside them.
//
// # Metrics
//
// Labels are flow, stage, outcome, from, to and layer, and no others: never a key, a value or the
// text of an error. So the number of series is that of the stages, edges and layers.
//
//	weir_run_ready                   {flow}                 1 while the run takes items in
//	weir_run_ended                   {flow}                 1 when it has ended
//	weir_run_elapsed_seconds         {flow}
//	weir_items_in_total              {flow, stage}          items that came; of a source, that it brought
//	weir_items_derived_total         {flow, stage}          items that were made beside them
//	weir_items_recovered_total       {flow, stage}          failed items that a policy took up
//	weir_items_total                 {flow, stage, outcome} what became of them: out, folded, filtered, failed, shed, expired, dead_lettered, handed_back
//	weir_items_inside                {flow, stage}
//	weir_calls_total                 {flow, stage}          calls of the stage's function
//	weir_calls_active                {flow, stage}
//	weir_wait_seconds_total          {flow, stage}          time that items waited for the stage
//	weir_work_seconds_total          {flow, stage}          time that it worked on them
//	weir_longest_work_seconds        {flow, stage}
//	weir_workers                     {flow, stage}          if they can be set
//	weir_source_paused               {flow, stage}
//	weir_source_unsettled            {flow, stage}          values that are not acknowledged, if the source tells
//	weir_source_lag                  {flow, stage}          values that wait in the queue, if the source knows
//	weir_source_reconnects_total     {flow, stage}
//	weir_edge_items                  {flow, from, to}
//	weir_edge_capacity               {flow, from, to}
//	weir_edge_full_seconds_total     {flow, from, to}       time that the sender was blocked
//	weir_edge_empty_seconds_total    {flow, from, to}       time that the receiver was blocked
//	weir_wait_seconds                {flow, stage}          histogram, with flow.Distributions
//	weir_work_seconds                {flow, stage}          histogram, with flow.Distributions
//	weir_item_age_seconds            {flow, stage}          histogram at sinks, with flow.Distributions
//	weir_<kind>_<figure>             {flow, stage, layer}   the figures of layers, such as weir_guard_in_use, weir_breaker_state
//
// The figures of layers are those of [stages.Figures]; names that end in _total are counters, the
// others gauges. weir_breaker_state is 0 for closed, 1 for open, 2 for half-open.
//
// dashboard.json beside this file is a Grafana dashboard for them; [Dashboard] returns it. Its
// panels show each flow by itself, and add up the processes of a flow.
package promflow
