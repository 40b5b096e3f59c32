package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheDefaultsEndWithinAMinuteAndAHalf(t *testing.T) {
	c, err := parse(nil)
	require.NoError(t, err)
	require.Len(t, c.impls, 3)
	require.Equal(t, []float64{0.5, 1, 1.5}, c.rates)
	runs := time.Duration(len(c.rates) * len(c.impls))
	require.Less(t, runs*(c.duration+time.Second), 90*time.Second)
}

func TestASoakIsOneLongRunAtTheHighestRate(t *testing.T) {
	c, err := parse([]string{"-soak", "10m", "-rates", "0.5,2,1"})
	require.NoError(t, err)
	require.Equal(t, []float64{2}, c.rates)
	require.Equal(t, 10*time.Minute, c.duration)
	require.Len(t, c.impls, 1)
	require.Equal(t, "weir", c.impls[0].Name)

	c, err = parse([]string{"-soak", "10m", "-impl", "rill,byhand"})
	require.NoError(t, err)
	require.Len(t, c.impls, 2)
}

func TestBadFlagsAreOneLineAndStatus2(t *testing.T) {
	for args, want := range map[string]string{
		"-rates x":                  `-rates: "x" is not a number from 0.01 to 10`,
		"-rates NaN":                `-rates: "NaN" is not a number`,
		"-rates -1":                 `"-1" is not`,
		"-rates 1,1":                `-rates: "1" comes twice`,
		"-impl go":                  `-impl: "go" is none of weir,rill,byhand`,
		"-impl weir,weir":           `-impl: "weir" comes twice`,
		"-duration 1ms":             "-duration 1ms is below 100ms",
		"-duration soon":            "invalid value",
		"-outage -1s":               "-outage -1s is below 0",
		"-duration 2s":              "-outage 1.4s is more than half of 2s",
		"-soak 1s -outage 0":        "-soak 1s is below 3s",
		"-soak -1s":                 "-soak -1s is below 3s",
		"-nonsense":                 "not defined: -nonsense",
		"something":                 `unexpected argument "something"`,
		"-impl go -rates x -soak 1": "", // whatever it says, one line
	} {
		t.Run(args, func(t *testing.T) {
			var out, errs bytes.Buffer
			require.Equal(t, 2, run(t.Context(), strings.Fields(args), &out, &errs))
			require.Empty(t, out.String())
			require.Equal(t, 1, strings.Count(errs.String(), "\n"))
			require.Contains(t, errs.String(), "load: ")
			require.Contains(t, errs.String(), want)
		})
	}
}

func TestAllFaultsAreToldAtOnce(t *testing.T) {
	_, err := parse(strings.Fields("-impl go -rates x -duration 1ms"))
	for _, flag := range []string{"-impl", "-rates", "-duration"} {
		require.ErrorContains(t, err, flag)
	}
}

func TestHelpIsNoFault(t *testing.T) {
	var out, errs bytes.Buffer
	require.Zero(t, run(t.Context(), []string{"-h"}, &out, &errs))
	require.Empty(t, errs.String())
	for _, flag := range []string{"-rates", "-duration", "-outage", "-impl", "-soak", "-seed", "-json", "-plots"} {
		require.Contains(t, out.String(), flag)
	}
}

func TestTheOrderRotates(t *testing.T) {
	first := map[string]bool{}
	for i := range implementations {
		order := rotate(implementations, i)
		require.Len(t, order, len(implementations))
		first[order[0].Name] = true
	}
	require.Len(t, first, len(implementations))
}
