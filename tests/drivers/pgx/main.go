// pgx v5 and pgxpool as applications use them: see tests/drivers/README.md.
package main

import (
	"runtime/debug"
	"slices"
	"strings"

	"pglynx/drivers/transcript"
)

// The versions of the modules that this program has been built with.
func versions(modules ...string) string {
	info, _ := debug.ReadBuildInfo()
	var found []string
	for _, module := range info.Deps {
		if slices.Contains(modules, module.Path) {
			found = append(found, strings.TrimPrefix(module.Path, "github.com/")+" "+module.Version)
		}
	}
	return strings.Join(found, ", ")
}

func main() {
	transcript.Script[*client]{
		Version:  versions("github.com/jackc/pgx/v5", "github.com/jackc/puddle/v2"),
		Steps:    slices.Concat(statementSteps, batchSteps, settingSteps, stateSteps, bulkSteps),
		Open:     open,
		Close:    func(c *client) { c.conn.Close(c.ctx) },
		Describe: describe,
	}.Main()
}
