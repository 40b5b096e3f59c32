package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/weir-go/weir/bench/internal/record"
)

// printBars writes a line for each bar: the medians, the quotient, and whether
// it is reached.
func printBars(out io.Writer, r *record.Record, processors string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "what\tfigure\tmedian\tof\tits median\treached\tat most\t")
	for _, b := range bars() {
		v := b.judge(r, processors)
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			b.what, b.unit, v.own, v.peer, v.its, v.reached, record.Figure(b.most, true), v.word)
	}
	return w.Flush()
}

// verdict is how a bar compares with the figures. "-" was not measured.
type verdict struct{ own, peer, its, reached, word string }

func (b bar) judge(r *record.Record, processors string) verdict {
	question := record.Question(b.question, processors)
	v := verdict{own: "-", peer: "-", its: "-", reached: "-", word: "not measured"}
	own, ok := r.Median(record.Place{Question: question, Impl: b.impl, Unit: b.unit})
	if !ok {
		return v
	}
	v.own = record.Figure(own, true)
	reached := own
	if len(b.of) > 0 {
		peer, its := b.best(r, question)
		if peer == "" {
			return v
		}
		v.peer, v.its = peer, record.Figure(its, true)
		reached = own / its
	}
	v.reached = record.Figure(reached, true)
	v.word = "met"
	if reached > b.most {
		v.word = "missed"
	}
	return v
}

// best returns the peer with the lowest median: "" if none was measured.
func (b bar) best(r *record.Record, question string) (peer string, its float64) {
	for _, impl := range b.of {
		v, ok := r.Median(record.Place{Question: question, Impl: impl, Unit: b.unit})
		if ok && v > 0 && (peer == "" || v < its) {
			peer, its = impl, v
		}
	}
	return peer, its
}
