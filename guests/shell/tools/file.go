package tools

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"
)

// What one command takes into memory at a time (sort, sed -i, tac, diff): more is refused with a sentence, before the
// module's own memory ends.
const wholeMax = 96 << 20

// IsFifo and OpenFifo are the doors to the pipes of <(...). Set by the shell, whose pipes they are.
var (
	IsFifo   = func(string) bool { return false }
	OpenFifo = func(path string, _ int) (io.ReadWriteCloser, error) {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
)

// Streams are what /dev/stdin, /dev/stdout and /dev/stderr mean to who opens them.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

type stream struct {
	io.Reader
	io.Writer
}

func (stream) Close() error { return nil }

type nothing struct{}

func (nothing) Read([]byte) (int, error)    { return 0, io.EOF }
func (nothing) Write(b []byte) (int, error) { return len(b), nil }
func (nothing) Close() error                { return nil }

type zeros struct{ nothing }

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

type noise struct{ nothing }

func (noise) Read(b []byte) (int, error) { return rand.Read(b) }

// Open opens an absolute path with the flags of os.OpenFile. The names below /dev that scripts use are there without
// such a folder; nothing else is added to what the mounts hold.
func Open(name string, flags int, s Streams) (io.ReadWriteCloser, error) {
	switch name {
	case "/dev/null":
		return nothing{}, nil
	case "/dev/zero":
		return zeros{}, nil
	case "/dev/urandom", "/dev/random":
		return noise{}, nil
	case "/dev/stdin", "/dev/fd/0":
		if s.In == nil {
			return nothing{}, nil
		}
		return stream{s.In, io.Discard}, nil
	case "/dev/stdout", "/dev/fd/1":
		return stream{nothing{}, s.Out}, nil
	case "/dev/stderr", "/dev/fd/2":
		return stream{nothing{}, s.Err}, nil
	}
	if IsFifo(name) {
		return OpenFifo(name, flags)
	}
	f, err := os.OpenFile(name, flags, 0o666)
	if err != nil {
		return nil, err
	}
	return f, nil
}

type deviceInfo struct {
	name string
	mode fs.FileMode
}

func (d deviceInfo) Name() string      { return d.name }
func (deviceInfo) Size() int64         { return 0 }
func (d deviceInfo) Mode() fs.FileMode { return d.mode }
func (deviceInfo) ModTime() time.Time  { return time.Unix(0, 0) }
func (deviceInfo) IsDir() bool         { return false }
func (deviceInfo) Sys() any            { return nil }

// Stat is os.Stat or os.Lstat, with the names that Open adds.
func Stat(name string, follow bool) (fs.FileInfo, error) {
	switch name {
	case "/dev/null", "/dev/zero", "/dev/urandom", "/dev/random", "/dev/stdin", "/dev/stdout", "/dev/stderr":
		return deviceInfo{path.Base(name), fs.ModeDevice | fs.ModeCharDevice | 0o666}, nil
	}
	if IsFifo(name) {
		return deviceInfo{path.Base(name), fs.ModeNamedPipe | 0o600}, nil
	}
	if follow {
		return os.Stat(name)
	}
	return os.Lstat(name)
}

// path makes an operand absolute.
func (c *Call) path(name string) string {
	if name == "" || name[0] == '/' {
		return name
	}
	if trailing := strings.HasSuffix(name, "/"); trailing {
		return path.Join(c.Dir, name) + "/"
	}
	return path.Join(c.Dir, name)
}

// open opens an operand for reading; "-" is standard input. nil and a word on stderr when it cannot be.
func (c *Call) open(name string) io.ReadCloser {
	f, err := c.tryOpen(name)
	if err != nil {
		c.warn("%s: %s", name, reason(err))
		return nil
	}
	return f
}

func (c *Call) tryOpen(name string) (io.ReadCloser, error) {
	if name == "-" {
		return looking{c, io.NopCloser(c.In)}, nil
	}
	f, err := Open(c.path(name), os.O_RDONLY, Streams{c.In, c.Out, c.Err})
	if err != nil {
		return nil, err
	}
	if file, ok := f.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.IsDir() {
			file.Close()
			return nil, &fs.PathError{Op: "read", Path: name, Err: errIsFolder}
		}
	}
	return looking{c, f}, nil
}

// looking is a reader that notices the end of the shell's time.
type looking struct {
	c *Call
	f io.ReadCloser
}

func (l looking) Read(b []byte) (int, error) {
	l.c.look()
	return l.f.Read(b)
}

func (l looking) Close() error { return l.f.Close() }

// each opens every operand in turn, standard input when there is none, and tells the name as it was given.
func (c *Call) each(operands []string, do func(name string, f io.Reader)) {
	if len(operands) == 0 {
		operands = []string{"-"}
	}
	for _, name := range operands {
		if f := c.open(name); f != nil {
			do(name, f)
			f.Close()
		}
	}
}

// whole reads all of a reader, up to wholeMax.
func (c *Call) whole(name string, f io.Reader) []byte {
	b, err := io.ReadAll(io.LimitReader(f, wholeMax+1))
	if err != nil {
		c.warn("%s: %s", name, reason(err))
	}
	if len(b) > wholeMax {
		c.fail(max(1, badStatus(c.Name)), "%s: more than %d MiB: that is more than this command takes at once", name, wholeMax>>20)
	}
	return b
}

// lines gives each line with its newline; the last may have none. Stops when do says so.
func (c *Call) lines(name string, f io.Reader, do func(line []byte) bool) {
	c.pieces(name, f, '\n', do)
}

func (c *Call) pieces(name string, f io.Reader, end byte, do func(piece []byte) bool) {
	r := bufio.NewReaderSize(f, 32<<10)
	var long []byte
	for {
		piece, err := r.ReadSlice(end)
		if err == bufio.ErrBufferFull {
			if long = append(long, piece...); len(long) > wholeMax {
				c.fail(max(1, badStatus(c.Name)), "%s: a line is longer than %d MiB", name, wholeMax>>20)
			}
			continue
		}
		if len(long) > 0 {
			long = append(long, piece...)
			piece = long
		}
		if len(piece) > 0 && !do(piece) {
			return
		}
		long = long[:0]
		if err == io.EOF {
			return
		}
		if err != nil {
			c.warn("%s: %s", name, reason(err))
			return
		}
	}
}

// allLines reads the lines of all operands into memory, without their newlines.
func (c *Call) allLines(operands []string, end byte) [][]byte {
	var all [][]byte
	var held int
	c.each(operands, func(name string, f io.Reader) {
		b := c.whole(name, f)
		if held += len(b); held > wholeMax {
			c.fail(max(1, badStatus(c.Name)), "more than %d MiB in all: that is more than this command takes at once", wholeMax>>20)
		}
		all = append(all, splitLines(b, end)...)
	})
	return all
}

func splitLines(b []byte, end byte) [][]byte {
	if len(b) == 0 {
		return nil
	}
	return bytes.Split(bytes.TrimSuffix(b, []byte{end}), []byte{end})
}

// chomp is a line without its newline, and whether it had one.
func chomp(line []byte) ([]byte, bool) {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		return line[:n-1], true
	}
	return line, false
}

// put writes a file whole. The sandbox puts a rewritten file in place when it is closed, so after an error it is left
// open and what was there before stays.
func (c *Call) put(name string, content []byte) error {
	f, err := Open(c.path(name), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, Streams{c.In, c.Out, c.Err})
	if err != nil {
		return err
	}
	if _, err = f.Write(content); err != nil {
		return err
	}
	return f.Close()
}
