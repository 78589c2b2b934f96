// lib/pq under database/sql as applications use it: see tests/drivers/README.md.
package main

import (
	"runtime/debug"
	"slices"

	"pglynx/drivers/transcript"
)

func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == "github.com/lib/pq" {
			return "lib/pq " + module.Version
		}
	}
	return "lib/pq"
}

func main() {
	transcript.Script[*client]{
		Version:  version(),
		Steps:    slices.Concat(statementSteps, settingSteps, stateSteps),
		Open:     open,
		Close:    func(c *client) { c.close() },
		Describe: describe,
	}.Main()
}
