// Parses expressions as Prometheus does: a JSON list on standard input; fails with the first that it does not understand.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/prometheus/prometheus/promql/parser"
)

func main() {
	var expressions []string
	if err := json.NewDecoder(os.Stdin).Decode(&expressions); err != nil {
		fail(err)
	}
	for _, expression := range expressions {
		if _, err := parser.NewParser(parser.Options{}).ParseExpr(expression); err != nil {
			fail(fmt.Errorf("%s: %w", expression, err))
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
