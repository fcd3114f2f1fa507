// Package exec stands where goawk expects os/exec: commands of awk (system(), cmd | getline, print | cmd) run in this
// shell, and its files are opened by the shell's doors. The shell comes with the context (With).
package exec

import (
	"context"
	"io"
	"os"
	"sync"
)

// Shell is what a program reaches the world through.
type Shell struct {
	Open func(name string, flags int) (io.ReadWriteCloser, error)
	Run  func(command string, in io.Reader, out, err io.Writer) int
	Pipe func() (io.ReadCloser, io.WriteCloser)
}

type key struct{}

// With puts a shell into a context.
func With(ctx context.Context, s *Shell) context.Context { return context.WithValue(ctx, key{}, s) }

func of(ctx context.Context) *Shell { return ctx.Value(key{}).(*Shell) }

// Open opens a file for reading.
func Open(ctx context.Context, name string) (io.ReadWriteCloser, error) {
	return of(ctx).Open(name, os.O_RDONLY)
}

// OpenFile opens a file.
func OpenFile(ctx context.Context, name string, flags int) (io.ReadWriteCloser, error) {
	return of(ctx).Open(name, flags)
}

// Cmd is a command line of the shell.
type Cmd struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	ctx            context.Context
	line           string
	ends           []io.Closer
	done           sync.WaitGroup
	status         int
}

// ExitError is never made: a status is no error here.
type ExitError struct{ ProcessState State }

func (*ExitError) Error() string { return "" }

type State struct{}

func (State) Sys() any { return nil }

// CommandContext is a command line; the words before it name the shell, and there is only one.
func CommandContext(ctx context.Context, _ string, words ...string) *Cmd {
	return &Cmd{ctx: ctx, line: words[len(words)-1]}
}

// Command has no shell and so cannot run anything.
func Command(string, ...string) *Cmd { return &Cmd{} }

func (c *Cmd) StdinPipe() (io.WriteCloser, error) {
	r, w := of(c.ctx).Pipe()
	c.Stdin = r
	c.ends = append(c.ends, r)
	return w, nil
}

func (c *Cmd) StdoutPipe() (io.ReadCloser, error) {
	r, w := of(c.ctx).Pipe()
	c.Stdout = w
	c.ends = append(c.ends, w)
	return r, nil
}

func (c *Cmd) Start() error {
	if c.ctx == nil {
		return os.ErrInvalid
	}
	c.done.Go(func() {
		c.status = of(c.ctx).Run(c.line, c.Stdin, c.Stdout, c.Stderr)
		for _, end := range c.ends {
			end.Close()
		}
	})
	return nil
}

func (c *Cmd) Wait() error { c.done.Wait(); return nil }

// Status is the exit status once Wait has returned.
func (c *Cmd) Status() int { return c.status }
