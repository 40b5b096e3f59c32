//go:build !race

package operator_test

const raced = false
