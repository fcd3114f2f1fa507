// Package shell joins the interpreter with the commands of this program and with the files of the sandbox.
package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"boxagnts/shell/tools"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

const (
	nestedMax  = 40 // shells within shells (sh -c, xargs sh, scripts that run scripts)
	openMax    = 200
	scriptMax  = 16 << 20
	usageError = 2
)

// Options of a shell.
type Options struct {
	Dir      string
	Env      []string // NAME=value, exported
	In       io.Reader
	Out, Err io.Writer
	Params   []string // of set: options, --, words
	Name     string   // $0 and where messages say they come from
}

type nested struct{}

// Run runs a script and returns its status.
func Run(ctx context.Context, script string, o Options) int {
	depth, _ := ctx.Value(nested{}).(int)
	if depth >= nestedMax {
		fmt.Fprintf(o.Err, "sh: more than %d shells within each other\n", nestedMax)
		return usageError
	}
	ctx = context.WithValue(ctx, nested{}, depth+1)
	file, err := syntax.NewParser().Parse(strings.NewReader(script), o.Name)
	if err != nil {
		fmt.Fprintf(o.Err, "sh: %s\n", err)
		return usageError
	}
	h := &host{options: o}
	runner, err := interp.New(interp.Dir(o.Dir), interp.Env(expand.ListEnviron(o.Env...)), interp.StdIO(o.In, o.Out, o.Err),
		interp.ExecHandlers(func(interp.ExecHandlerFunc) interp.ExecHandlerFunc { return h.exec }), interp.OpenHandler(h.open),
		interp.StatHandler(h.stat), interp.AccessHandler(h.access), interp.ReadDirHandler2(h.readDir), interp.CallHandler(h.call))
	if err == nil {
		err = interp.Params(o.Params...)(runner)
	}
	if err != nil {
		fmt.Fprintf(o.Err, "sh: %s\n", err)
		return usageError
	}
	err = runner.Run(ctx, file)
	h.closeAll()
	return statusOf(ctx, err, o.Err)
}

func statusOf(ctx context.Context, err error, stderr io.Writer) int {
	var status interp.ExitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(ctx.Err(), context.DeadlineExceeded):
		return 124
	case errors.Is(err, interp.ErrBrokenPipe):
		return 141
	}
	fmt.Fprintf(stderr, "sh: %s\n", err)
	return 1
}

// host is one shell's side of the interpreter.
type host struct {
	options Options
	files   []*os.File // opened for writing by redirections
}

// closeAll closes what `exec >file` left open: a rewritten file takes its place when it is closed.
func (h *host) closeAll() {
	for _, f := range h.files {
		f.Close()
	}
}

func (h *host) open(ctx context.Context, name string, flags int, _ fs.FileMode) (io.ReadWriteCloser, error) {
	hc := interp.HandlerCtx(ctx)
	full := absolute(hc.Dir, name)
	if name == "" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	f, err := tools.Open(full, flags, tools.Streams{In: hc.Stdin, Out: hc.Stdout, Err: hc.Stderr})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New(tools.Reason(err))}
	}
	if file, ok := f.(*os.File); ok {
		if flags&(os.O_WRONLY|os.O_RDWR) != 0 {
			if len(h.files) >= openMax {
				h.files = h.files[1:]
			}
			h.files = append(h.files, file)
		} else if info, err := file.Stat(); err == nil && info.IsDir() {
			file.Close()
			return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("Is a directory")}
		}
	}
	return f, nil
}

func absolute(dir, name string) string {
	if strings.HasPrefix(name, "/") {
		return name
	}
	return path.Join(dir, name)
}

func (h *host) stat(_ context.Context, name string, follow bool) (fs.FileInfo, error) {
	return tools.Stat(name, follow)
}

func (h *host) access(_ context.Context, name string, mode interp.AccessMode) error {
	info, err := tools.Stat(name, true)
	if err == nil && mode&interp.AccessExec != 0 && !info.IsDir() && !tools.Executable(name) {
		return fs.ErrPermission
	}
	return err
}

func (h *host) readDir(_ context.Context, name string) ([]fs.DirEntry, error) {
	return os.ReadDir(name)
}

// call sees every simple command before it runs: what the interpreter would refuse is said in its terms.
func (h *host) call(_ context.Context, args []string) ([]string, error) {
	switch args[0] {
	case "trap":
		return trapArgs(args), nil
	case "printf", "help":
		return append([]string{"/bin/" + args[0]}, args[1:]...), nil
	case "[", "test":
		return compared(args), nil
	case "umask", "ulimit":
		return []string{"true"}, nil // there are no permissions, and the limits are the sandbox's
	}
	return args, nil
}

// compared answers [ a \< b ], which the interpreter knows only within [[ ]].
func compared(args []string) []string {
	words := args[1:]
	if n := len(words); args[0] == "[" && n > 0 && words[n-1] == "]" {
		words = words[:n-1]
	}
	if len(words) != 3 || words[1] != "<" && words[1] != ">" {
		return args
	}
	if words[1] == "<" && words[0] < words[2] || words[1] == ">" && words[0] > words[2] {
		return []string{"true"}
	}
	return []string{"false"}
}

// trapArgs keeps the conditions that can happen. No signal ever arrives here, so a trap on one is no mistake: it waits in vain.
func trapArgs(args []string) []string {
	if len(args) < 3 || strings.HasPrefix(args[1], "-") && len(args[1]) > 1 && args[1] != "--" {
		return args
	}
	at := 2
	if args[1] == "--" {
		at = 3
	}
	kept := append([]string{}, args[:min(at, len(args))]...)
	any := false
	for _, name := range args[min(at, len(args)):] {
		switch strings.TrimPrefix(strings.ToUpper(name), "SIG") {
		case "0", "EXIT":
			kept, any = append(kept, "EXIT"), true
		case "1", "2", "3", "6", "9", "13", "14", "15", "HUP", "INT", "QUIT", "ABRT", "KILL", "PIPE", "ALRM", "TERM", "USR1", "USR2", "CHLD", "CONT", "TSTP", "WINCH":
		default:
			kept, any = append(kept, name), true
		}
	}
	if !any {
		return []string{"true"}
	}
	return kept
}

// exec runs what is neither a function nor built in.
func (h *host) exec(ctx context.Context, args []string) error {
	hc := interp.HandlerCtx(ctx)
	status := start(tools.Command{Context: ctx, Args: args, Dir: hc.Dir, Env: exported(hc.Env), In: hc.Stdin, Out: hc.Stdout, Err: hc.Stderr})
	if status == 0 {
		return nil
	}
	return interp.ExitStatus(uint8(status))
}

func exported(env expand.Environ) []string {
	var pairs []string
	for name, value := range env.Each {
		for i, pair := range pairs {
			if strings.HasPrefix(pair, name+"=") {
				pairs = append(pairs[:i], pairs[i+1:]...)
				break
			}
		}
		if value.Exported && value.IsSet() && value.Kind == expand.String {
			pairs = append(pairs, name+"="+value.Str)
		}
	}
	return pairs
}

// start runs a command by its words: one of this program's, or a script that is named by a path.
func start(k tools.Command) int {
	name := k.Args[0]
	if folder, base := path.Split(name); folder != "" {
		switch folder {
		case "/bin/", "/usr/bin/", "/usr/local/bin/":
			if known(base) != "" {
				name = base
			} else {
				return runFile(k)
			}
		default:
			return runFile(k)
		}
	}
	if tool := tools.Find(name); tool != nil {
		return runTool(k, tool)
	}
	if interp.IsBuiltin(name) {
		return Run(k.Context, `"$@"`, Options{Dir: k.Dir, Env: k.Env, In: k.In, Out: k.Out, Err: k.Err, Params: append([]string{"--"}, k.Args...)})
	}
	fmt.Fprintf(k.Err, "sh: %s: not found%s\n", name, hint(name))
	return 127
}

// hint says where to go for a program that this shell does not have.
func hint(name string) string {
	switch name {
	case "curl", "wget":
		return "; there is no network in this shell: use the tool web_fetch"
	case "sudo", "su", "apt", "apt-get", "dnf", "yum", "brew":
		return "; nothing can be installed in this shell"
	}
	return "; this shell runs its own commands only (help lists them); programs of the host are run by the tool command, where it is allowed"
}

func runTool(k tools.Command, tool *tools.Tool) int {
	c := &tools.Call{Context: k.Context, Name: tool.Name, Args: k.Args[1:], Dir: k.Dir, In: k.In, Err: k.Err}
	c.Environ = func() []string { return k.Env }
	c.Env = func(name string) string {
		for _, pair := range k.Env {
			if strings.HasPrefix(pair, name+"=") {
				return pair[len(name)+1:]
			}
		}
		return ""
	}
	c.Start = func(inner tools.Command) int {
		if inner.Env == nil {
			inner.Env = k.Env
		}
		return start(inner)
	}
	c.Out = tools.NewOut(c, k.Out)
	defer c.Out.Free()
	return tools.Run(c, tool)
}

// runFile runs a script of the work folder: by this shell, or by what its first line names.
func runFile(k tools.Command) int {
	name := k.Args[0]
	f, err := os.Open(absolute(k.Dir, name))
	if err != nil {
		fmt.Fprintf(k.Err, "sh: %s: %s\n", name, tools.Reason(err))
		return 127
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		fmt.Fprintf(k.Err, "sh: %s: Is a directory\n", name)
		return 126
	}
	b, err := io.ReadAll(io.LimitReader(f, scriptMax+1))
	if err != nil || len(b) > scriptMax {
		fmt.Fprintf(k.Err, "sh: %s: cannot be read as a script\n", name)
		return 126
	}
	first, _, _ := strings.Cut(string(b), "\n")
	if strings.IndexByte(first, 0) >= 0 {
		fmt.Fprintf(k.Err, "sh: %s: cannot execute: a program of the host; the tool command runs those, where it is allowed\n", name)
		return 126
	}
	if words := strings.Fields(strings.TrimPrefix(first, "#!")); strings.HasPrefix(first, "#!") && len(words) > 0 {
		program := path.Base(words[0])
		if program == "env" && len(words) > 1 {
			words = words[1:]
			if words[0] == "-S" && len(words) > 1 {
				words = words[1:]
			}
			program = path.Base(words[0])
		}
		if program != "sh" && program != "bash" && program != "dash" && program != "ash" {
			k.Args = append(append([]string{program}, words[1:]...), k.Args...)
			return start(k)
		}
		k.Args = append(append([]string{}, words[1:]...), k.Args...)
		return shellWords(k)
	}
	return shellWords(k)
}

// shellWords is the command line of sh: options, then -c COMMAND, a file, or standard input.
func shellWords(k tools.Command) int {
	var params []string
	words, command, hasCommand, fromInput := k.Args, "", false, false
	for len(words) > 0 && len(words[0]) > 1 && (words[0][0] == '-' || words[0][0] == '+') {
		word := words[0]
		words = words[1:]
		if word == "--" {
			break
		}
		if word == "-o" || word == "+o" {
			if len(words) > 0 {
				params = append(params, word, words[0])
				words = words[1:]
			}
			continue
		}
		if strings.HasPrefix(word, "--") { // --norc, --noprofile, --posix
			continue
		}
		for _, letter := range word[1:] {
			switch letter {
			case 'c':
				hasCommand = true
			case 's':
				fromInput = true
			case 'l', 'i':
			case 'o':
				if len(words) > 0 {
					params = append(params, word[:1]+"o", words[0])
					words = words[1:]
				}
			default:
				params = append(params, word[:1]+string(letter))
			}
		}
	}
	name := "sh"
	switch {
	case hasCommand:
		if len(words) == 0 {
			fmt.Fprintln(k.Err, "sh: -c wants a command")
			return usageError
		}
		if command, words = words[0], words[1:]; len(words) > 0 {
			name, words = words[0], words[1:]
		}
	case len(words) > 0 && !fromInput:
		name, words = words[0], words[1:]
		b, err := readScript(absolute(k.Dir, name))
		if err != nil {
			fmt.Fprintf(k.Err, "sh: %s: %s\n", name, tools.Reason(err))
			return 127
		}
		command = b
	default:
		b, err := io.ReadAll(io.LimitReader(orEmpty(k.In), scriptMax))
		if err != nil {
			fmt.Fprintf(k.Err, "sh: %s\n", tools.Reason(err))
			return usageError
		}
		command, k.In = string(b), nil
	}
	return Run(k.Context, command, Options{Dir: k.Dir, Env: k.Env, In: k.In, Out: k.Out, Err: k.Err, Name: name,
		Params: append(append(params, "--"), words...)})
}

func orEmpty(r io.Reader) io.Reader {
	if r == nil {
		return strings.NewReader("")
	}
	return r
}

func readScript(name string) (string, error) {
	f, err := tools.Open(name, os.O_RDONLY, tools.Streams{})
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, scriptMax))
	return string(b), err
}

func known(name string) string {
	if tools.Find(name) != nil || interp.IsBuiltin(name) {
		return "/bin/" + name
	}
	return ""
}

func init() {
	tools.IsBrokenPipe = func(err error) bool { return errors.Is(err, interp.ErrBrokenPipe) }
	tools.IsFifo, tools.OpenFifo, tools.NewPipe = interp.IsFifo, interp.OpenFifo, interp.Pipe
	tools.Known = known
	tools.Sh = func(c *tools.Call) int {
		return shellWords(tools.Command{Context: c.Context, Args: c.Args, Dir: c.Dir, Env: c.Environ(), In: c.In, Out: c.Out.Plain(), Err: c.Err})
	}
	interp.FindTool = func(name string) string {
		if tools.Find(name) != nil {
			return "/bin/" + name
		}
		return ""
	}
}
