// Package tools holds the commands of the shell that are not the language itself: one function per command over one face,
// Call. A command reaches files only through this package's doors (file.go), so that /dev names, the pipes of <(...) and
// the shell's own folder mean the same everywhere.
package tools

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// Statuses that are the same for every command.
const (
	statusNotFound   = 127
	statusNotRunable = 126
	statusBrokenPipe = 141 // as a shell reports SIGPIPE
)

// Command is what a command starts in its turn (xargs, find -exec, env, timeout).
type Command struct {
	Context context.Context
	Args    []string
	Dir     string
	Env     []string // NAME=value; nil: as the caller's
	In      io.Reader
	Out     io.Writer
	Err     io.Writer
}

// Call is one run of a command: its words, its streams and where it stands.
type Call struct {
	Context context.Context
	Name    string
	Args    []string // without the name
	Dir     string   // absolute
	In      io.Reader
	Out     *Out
	Err     io.Writer
	Env     func(name string) string
	Environ func() []string // what is exported, NAME=value
	Start   func(Command) int

	status int
}

// stop unwinds a command from anywhere within it; Run turns it into a status.
type stop struct{ status int }

// Run runs the command and returns its status.
func Run(c *Call, tool *Tool) (status int) {
	if c.In == nil {
		c.In = strings.NewReader("")
	}
	defer func() {
		switch how := recover().(type) {
		case nil:
		case stop:
			status = how.status
		default:
			panic(how)
		}
	}()
	if len(c.Args) == 1 && c.Args[0] == "--help" && tool.helps() {
		c.Out.text("usage: " + tool.Usage + "\n")
	} else {
		c.status = max(tool.Run(c), c.status)
	}
	c.Out.Flush()
	return c.status
}

// warn says what went wrong and lets the command go on to its other operands; it will end with 1.
func (c *Call) warn(format string, values ...any) {
	c.warnAs(1, format, values...)
}

func (c *Call) warnAs(status int, format string, values ...any) {
	c.Out.Flush()
	fmt.Fprintf(c.Err, "%s: %s\n", c.Name, fmt.Sprintf(format, values...))
	c.status = max(c.status, status)
}

// fail says what went wrong and ends the command.
func (c *Call) fail(status int, format string, values ...any) {
	c.warnAs(status, format, values...)
	panic(stop{status})
}

// look is called in loops that do nothing else which would notice that the command is to end.
func (c *Call) look() {
	if c.Context.Err() != nil {
		c.endByContext()
	}
}

func (c *Call) endByContext() {
	if errors.Is(c.Context.Err(), context.DeadlineExceeded) {
		panic(stop{124})
	}
	panic(stop{statusBrokenPipe})
}

// reason is an error as Unix programs word it.
func reason(err error) string {
	var number syscall.Errno
	switch {
	case errors.As(err, &number):
		if number == syscall.ENOTCAPABLE {
			return "is outside of what this shell can see"
		}
		return number.Error()
	case errors.Is(err, fs.ErrNotExist):
		return syscall.ENOENT.Error()
	case errors.Is(err, fs.ErrExist):
		return syscall.EEXIST.Error()
	case errors.Is(err, os.ErrClosed):
		return "Bad file descriptor"
	}
	var where *fs.PathError
	if errors.As(err, &where) {
		return where.Err.Error()
	}
	return err.Error()
}

// Reason words an error for the shell's own messages.
func Reason(err error) string { return reason(err) }

// Out is the standard output of a command. Nothing that writes to it looks at errors: a reader that has left, a full quota
// or the end of the shell's time unwinds the command.
type Out struct {
	call   *Call
	buffer *bufio.Writer
	to     io.Writer
}

var buffers []*bufio.Writer // one goroutine runs at a time, and none is pre-empted: no lock

// NewOut makes the output of a call.
func NewOut(c *Call, to io.Writer) *Out {
	if n := len(buffers); n > 0 {
		b := buffers[n-1]
		buffers = buffers[:n-1]
		b.Reset(to)
		return &Out{c, b, to}
	}
	return &Out{c, bufio.NewWriterSize(to, 16<<10), to}
}

// Free gives the buffer back.
func (o *Out) Free() {
	o.buffer.Reset(io.Discard)
	buffers = append(buffers, o.buffer)
}

func (o *Out) check(err error) {
	switch {
	case o.call.Context.Err() != nil:
		o.call.endByContext()
	case err == nil:
	case IsBrokenPipe(err):
		panic(stop{statusBrokenPipe})
	default:
		fmt.Fprintf(o.call.Err, "%s: write error: %s\n", o.call.Name, reason(err))
		panic(stop{1})
	}
}

// IsBrokenPipe tells whether a write failed because its reader has left. Set by the shell, whose pipes they are.
var IsBrokenPipe = func(error) bool { return false }

func (o *Out) Write(b []byte) (int, error) {
	n, err := o.buffer.Write(b)
	o.check(err)
	return n, nil
}

func (o *Out) text(s string) {
	_, err := o.buffer.WriteString(s)
	o.check(err)
}

func (o *Out) line(s string) {
	o.text(s)
	o.byte('\n')
}

func (o *Out) byte(b byte) { o.check(o.buffer.WriteByte(b)) }

func (o *Out) printf(format string, values ...any) {
	_, err := fmt.Fprintf(o.buffer, format, values...)
	o.check(err)
}

// Flush hands on what was held back: before another command writes to the same place, and at the end.
func (o *Out) Flush() { o.check(o.buffer.Flush()) }

// plain is what is behind the buffer: for a command that is started and has a buffer of its own.
func (o *Out) plain() io.Writer { return o.to }

// Plain is plain, for the shell.
func (o *Out) Plain() io.Writer {
	o.Flush()
	return o.to
}

// Sh runs sh's command line. Set by the shell.
var Sh func(*Call) int

func shellTool(c *Call) int { return Sh(c) }
