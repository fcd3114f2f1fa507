// The tool `shell`: sh and its commands in one WASI module. Without words it is a tool: {"command", ...} as JSON on
// standard input, a result on standard output. With words it is sh itself: shell -c COMMAND, shell FILE.
package main

import (
	"context"
	"os"
	"runtime/debug"
	"time"

	"boxagnts/shell/tools"
)

const (
	memoryAim = 160 << 20 // the collector works harder from here on; the sandbox's own limit is 256 MiB by default
	stackMax  = 64 << 20
)

func main() {
	debug.SetMemoryLimit(memoryAim)
	debug.SetMaxStack(stackMax)
	debug.SetGCPercent(200)
	if len(os.Args) < 2 {
		os.Exit(serve(os.Stdin, os.Stdout))
	}
	c := &tools.Call{Context: context.Background(), Name: "sh", Args: os.Args[1:], Dir: "/", In: os.Stdin, Err: os.Stderr,
		Environ: func() []string { return environment(os.Environ()) }}
	c.Out = tools.NewOut(c, os.Stdout)
	os.Exit(tools.Sh(c))
}

// environment is what the operator gave (env_vars), and what scripts expect to be there.
func environment(given []string) []string {
	return append([]string{"HOME=/", "PATH=/bin", "USER=agent", "SHELL=/bin/sh", "LANG=C.UTF-8"}, given...)
}

func withDeadline(seconds float64) *tools.Deadline {
	return tools.Within(context.Background(), time.Duration(seconds*float64(time.Second)))
}

func hostEnviron() []string { return os.Environ() }
