package tools

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"os"
	"sort"
	"strconv"
	"strings"

	"boxagnts/shell/exec"

	"github.com/benhoyt/goawk/interp"
	"github.com/benhoyt/goawk/lexer"
	"github.com/benhoyt/goawk/parser"
	"github.com/itchyny/gojq"
)

// NewPipe makes a pipe in memory. Set by the shell, whose pipes they are.
var NewPipe = func() (io.ReadCloser, io.WriteCloser) { return io.Pipe() }

// --- awk ---

func awk(c *Call) int {
	given, operands := c.options(spec{letters: "F:v:f:", inOrder: true, bad: 2, long: map[string]rune{"field-separator": 'F', "assign": 'v', "file": 'f'}})
	vars := []string{}
	var source bytes.Buffer
	for _, o := range given {
		switch o.letter {
		case 'F':
			vars = append(vars, "FS", awkSeparator(o.value))
		case 'v':
			name, value, ok := strings.Cut(o.value, "=")
			if !ok {
				c.fail(2, "-v wants VAR=VALUE, not '%s'", o.value)
			}
			vars = append(vars, name, awkUnescape(value))
		case 'f':
			f := c.open(o.value)
			if f == nil {
				panic(stop{2})
			}
			source.Write(c.whole(o.value, f))
			source.WriteByte('\n')
			f.Close()
		}
	}
	if source.Len() == 0 {
		if len(operands) == 0 {
			c.usage(spec{bad: 2}, "a program is wanted")
		}
		source.WriteString(operands[0])
		operands = operands[1:]
	}
	program, err := parser.ParseProgram(source.Bytes(), nil)
	if err != nil {
		c.fail(2, "%s", err)
	}
	environ := []string{}
	for _, pair := range c.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		environ = append(environ, name, value)
	}
	machine, err := interp.New(program)
	if err != nil {
		c.fail(2, "%s", err)
	}
	status, err := machine.ExecuteContext(exec.With(c.Context, c.shellForAwk()), &interp.Config{
		Stdin: looking{c, io.NopCloser(c.In)}, Output: c.Out.buffer, Error: c.Err, Argv0: "awk", Args: operands, Vars: vars,
		Environ: environ, ShellCommand: []string{"sh", "-c"},
	})
	c.look()
	if err != nil {
		c.Out.check(ifBroken(err))
		c.fail(2, "%s", reasonOfAwk(err))
	}
	return status
}

func ifBroken(err error) error {
	if IsBrokenPipe(err) {
		return err
	}
	return nil
}

func reasonOfAwk(err error) string {
	var where *os.PathError
	if errors.As(err, &where) {
		return fmt.Sprintf("can't open file %s: %s", where.Path, reason(err))
	}
	return err.Error()
}

func awkSeparator(text string) string {
	if text == "t" {
		return "\t"
	}
	return awkUnescape(text)
}

func awkUnescape(text string) string {
	if out, err := lexer.Unescape(text); err == nil {
		return out
	}
	return text
}

func (c *Call) shellForAwk() *exec.Shell {
	return &exec.Shell{
		Open: func(name string, flags int) (io.ReadWriteCloser, error) {
			return Open(c.path(name), flags, Streams{c.In, c.Out.buffer, c.Err})
		},
		Run: func(line string, in io.Reader, out, stderr io.Writer) int {
			return c.Start(Command{Context: c.Context, Args: []string{"sh", "-c", line}, Dir: c.Dir, In: in, Out: out, Err: stderr})
		},
		Pipe: NewPipe,
	}
}

// --- jq ---

type jqRun struct {
	c                              *Call
	raw, join, compact, tab, ascii bool
	exit, slurp, rawIn, noIn       bool
	indent                         int
	names                          []string
	values                         []any
	named                          map[string]any
	positional                     []any
	lastFalse, anyValue            bool
	file                           string
}

func jq(c *Call) int {
	j := &jqRun{c: c, indent: 2, named: map[string]any{}, positional: []any{}}
	filter, files := j.options()
	if err := gojq.Load(); err != nil {
		c.fail(2, "%s", err)
	}
	query, err := gojq.Parse(filter)
	if err != nil {
		c.fail(3, "error: %s\n%s: 1 compile error", err, c.Name)
	}
	j.names = append(j.names, "$ARGS")
	j.values = append(j.values, map[string]any{"named": j.named, "positional": j.positional})
	inputs := &jqInputs{j: j, files: files}
	code, err := gojq.Compile(query, gojq.WithVariables(j.names), gojq.WithEnvironLoader(c.Environ), gojq.WithInputIter(inputs),
		gojq.WithFunction("input_filename", 0, 0, func(any, []any) any {
			if j.file == "" {
				return nil
			}
			return j.file
		}),
		gojq.WithFunction("debug", 0, 0, func(v any, _ []any) any { j.debug([]any{"DEBUG:", v}); return v }),
		gojq.WithFunction("stderr", 0, 0, func(v any, _ []any) any { j.debug(v); return v }))
	if err != nil {
		c.fail(3, "error: %s\n%s: 1 compile error", err, c.Name)
	}
	status := j.run(code, inputs)
	switch {
	case status != 0 || !j.exit:
		return status
	case !j.anyValue:
		return 4
	case j.lastFalse:
		return 1
	}
	return 0
}

func (j *jqRun) debug(v any) {
	text, _ := gojq.Marshal(v)
	fmt.Fprintf(j.c.Err, "%s\n", text)
}

// options: jq's take words in their own ways (--arg NAME VALUE), so they are read here.
func (j *jqRun) options() (filter string, files []string) {
	c := j.c
	words := c.Args
	take := func(what string) string {
		if len(words) == 0 {
			c.fail(2, "%s wants another word", what)
		}
		word := words[0]
		words = words[1:]
		return word
	}
	bind := func(name string, value any) {
		j.names, j.values, j.named[name] = append(j.names, "$"+name), append(j.values, value), value
	}
	haveFilter, fromFile, rest := false, false, ""
	for len(words) > 0 {
		word := take("")
		switch {
		case word == "--" && rest == "":
			rest = "files"
		case rest != "--args" && rest != "--jsonargs" && rest != "files" && strings.HasPrefix(word, "--"),
			(rest == "--args" || rest == "--jsonargs") && (word == "--args" || word == "--jsonargs"):
			switch word {
			case "--arg":
				name := take(word)
				bind(name, take(word))
			case "--argjson":
				name := take(word)
				bind(name, j.parseOne(word, take(word)))
			case "--slurpfile", "--rawfile":
				name := take(word)
				bind(name, j.readFile(take(word), word == "--rawfile"))
			case "--args", "--jsonargs":
				rest = word
			case "--indent":
				j.indent = int(c.number("indent", take(word), 0, 7))
				j.compact = j.indent == 0
			case "--from-file":
				fromFile = true
			default:
				j.longFlag(word)
			}
		case rest != "files" && len(word) > 1 && word[0] == '-':
			for _, letter := range word[1:] {
				if letter == 'f' {
					fromFile = true
				} else {
					j.flag(letter, word)
				}
			}
		case !haveFilter:
			filter, haveFilter = word, true
		case rest == "--args":
			j.positional = append(j.positional, word)
		case rest == "--jsonargs":
			j.positional = append(j.positional, j.parseOne(rest, word))
		default:
			files = append(files, word)
		}
	}
	if !haveFilter {
		filter = "."
	} else if fromFile {
		filter = j.readFile(filter, true).(string)
	}
	return filter, files
}

var jqLong = map[string]rune{"--null-input": 'n', "--compact-output": 'c', "--raw-output": 'r', "--join-output": 'j', "--ascii-output": 'a',
	"--exit-status": 'e', "--slurp": 's', "--sort-keys": 'S', "--color-output": 'C', "--monochrome-output": 'M', "--raw-input": 'R', "--tab": 't'}

func (j *jqRun) longFlag(word string) {
	letter, ok := jqLong[word]
	if !ok {
		j.c.fail(2, "Unknown option: %s", word)
	}
	j.flag(letter, word)
}

func (j *jqRun) flag(letter rune, word string) {
	switch letter {
	case 'n':
		j.noIn = true
	case 'c':
		j.compact = true
	case 'r':
		j.raw = true
	case 'j':
		j.raw, j.join = true, true
	case 'a':
		j.ascii = true
	case 'e':
		j.exit = true
	case 's':
		j.slurp = true
	case 'R':
		j.rawIn = true
	case 't':
		j.tab = true
	case 'S', 'C', 'M': // keys are always in order; there is no terminal
	default:
		j.c.fail(2, "Unknown option: %s", word)
	}
}

func (j *jqRun) parseOne(what, text string) any {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		j.c.fail(2, "Invalid JSON text passed to %s", what)
	}
	return v
}

func (j *jqRun) readFile(name string, raw bool) any {
	f, err := j.c.tryOpen(name)
	if err != nil {
		j.c.fail(2, "error: Could not open %s: %s", name, reason(err))
	}
	defer f.Close()
	b := j.c.whole(name, f)
	if raw {
		return string(b)
	}
	all := []any{}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	for {
		var v any
		if err := d.Decode(&v); err == io.EOF {
			return all
		} else if err != nil {
			j.c.fail(2, "%s: %s", name, err)
		}
		all = append(all, v)
	}
}

// jqInputs gives the values of the inputs one by one.
type jqInputs struct {
	j       *jqRun
	files   []string
	opened  bool
	current io.ReadCloser
	decoder *json.Decoder
	slurped bool
	pending []any // lines of -R
}

func (in *jqInputs) open() bool {
	c := in.j.c
	if !in.opened && len(in.files) == 0 {
		in.opened, in.current = true, looking{c, io.NopCloser(c.In)}
	}
	in.opened = true
	for in.current == nil && len(in.files) > 0 {
		f, err := c.tryOpen(in.files[0])
		if err != nil {
			c.warnAs(2, "error: Could not open %s: %s", in.files[0], reason(err))
		} else {
			in.current, in.j.file = f, in.files[0]
		}
		in.files = in.files[1:]
	}
	return in.current != nil
}

func (in *jqInputs) one() (any, bool) {
	for in.open() {
		if in.decoder == nil {
			in.decoder = json.NewDecoder(in.current)
			in.decoder.UseNumber()
		}
		var v any
		err := in.decoder.Decode(&v)
		if err == nil {
			return v, true
		}
		in.current.Close()
		in.current, in.decoder = nil, nil
		if err != io.EOF {
			in.files = nil
			return fmt.Errorf("parse error: %w", err), true
		}
	}
	return nil, false
}

func (in *jqInputs) Next() (any, bool) {
	in.j.c.look()
	switch {
	case in.j.rawIn:
		return in.rawNext()
	case !in.j.slurp:
		return in.one()
	case in.slurped:
		return nil, false
	}
	in.slurped = true
	all := []any{}
	for {
		v, ok := in.one()
		if !ok {
			return all, true
		}
		if _, bad := v.(error); bad {
			return v, true
		}
		all = append(all, v)
	}
}

func (in *jqInputs) rawNext() (any, bool) {
	if !in.slurped {
		in.slurped = true
		var all bytes.Buffer
		for in.open() {
			all.Write(in.j.c.whole("input", in.current))
			in.current.Close()
			in.current = nil
		}
		if in.j.slurp {
			return all.String(), true
		}
		for _, line := range splitLines(all.Bytes(), '\n') {
			in.pending = append(in.pending, string(line))
		}
	}
	if len(in.pending) == 0 {
		return nil, false
	}
	v := in.pending[0]
	in.pending = in.pending[1:]
	return v, true
}

func (j *jqRun) run(code *gojq.Code, inputs *jqInputs) (status int) {
	for once := true; once || !j.noIn; once = false {
		var input any
		if !j.noIn {
			v, ok := inputs.Next()
			if !ok {
				return max(status, j.c.status)
			}
			if err, bad := v.(error); bad {
				j.c.warnAs(2, "%s", err)
				return 2
			}
			input = v
		}
		if status = j.values1(code, input); status == jqHalted {
			return j.c.status
		}
	}
	return status
}

const jqHalted = -1

// values1 prints what the filter makes of one input.
func (j *jqRun) values1(code *gojq.Code, input any) int {
	results := code.RunWithContext(j.c.Context, input, j.values...)
	for {
		j.c.look()
		v, ok := results.Next()
		if !ok {
			return 0
		}
		if err, bad := v.(error); bad {
			var halt *gojq.HaltError
			if errors.As(err, &halt) {
				if v := halt.Value(); v != nil {
					j.c.Out.Flush()
					if text, isText := v.(string); isText {
						fmt.Fprint(j.c.Err, text)
					} else {
						j.debug(v)
					}
				}
				j.c.status = halt.ExitCode()
				return jqHalted
			}
			j.c.warnAs(5, "error (at %s): %s", j.at(), err)
			return 5
		}
		j.anyValue, j.lastFalse = true, v == nil || v == false
		j.print(v)
	}
}

func (j *jqRun) at() string {
	if j.file == "" {
		return "<stdin>"
	}
	return j.file
}

func (j *jqRun) print(v any) {
	out := j.c.Out
	if text, ok := v.(string); ok && j.raw {
		out.text(text)
	} else {
		var b strings.Builder
		j.write(&b, v, 0)
		out.text(b.String())
	}
	if !j.join {
		out.byte('\n')
	}
}

func (j *jqRun) line(b *strings.Builder, depth int) {
	switch {
	case j.compact:
	case j.tab:
		b.WriteString("\n" + strings.Repeat("\t", depth))
	default:
		b.WriteString("\n" + strings.Repeat(" ", depth*j.indent))
	}
}

func (j *jqRun) write(b *strings.Builder, v any, depth int) {
	switch v := v.(type) {
	case []any:
		if len(v) == 0 {
			b.WriteString("[]")
			return
		}
		for i, one := range v {
			b.WriteByte("[,"[min(i, 1)])
			j.line(b, depth+1)
			j.write(b, one, depth+1)
		}
		j.line(b, depth)
		b.WriteByte(']')
	case map[string]any:
		if len(v) == 0 {
			b.WriteString("{}")
			return
		}
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		sort.Strings(names)
		for i, name := range names {
			b.WriteByte("{,"[min(i, 1)])
			j.line(b, depth+1)
			j.text(b, name)
			b.WriteByte(':')
			if !j.compact {
				b.WriteByte(' ')
			}
			j.write(b, v[name], depth+1)
		}
		j.line(b, depth)
		b.WriteByte('}')
	case string:
		j.text(b, v)
	default:
		b.WriteString(jqScalar(v))
	}
}

func jqScalar(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return v.String()
	case *big.Int:
		return v.String()
	case float64:
		if v != v {
			return "null"
		}
		v = max(min(v, math.MaxFloat64), -math.MaxFloat64)
		text := strconv.FormatFloat(v, 'g', 17, 64)
		if short := strconv.FormatFloat(v, 'g', -1, 64); len(short) < len(text) {
			text = short
		}
		if a := math.Abs(v); a == 0 || a >= 1e-5 && a < 1e17 {
			text = strconv.FormatFloat(v, 'f', -1, 64)
		}
		return text
	}
	return fmt.Sprint(v)
}

// text is a JSON text as jq writes it: everything but control characters, quotes and, with -a, what is not ASCII.
func (j *jqRun) text(b *strings.Builder, s string) {
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\b':
			b.WriteString(`\b`)
		case r == '\f':
			b.WriteString(`\f`)
		case r < 32 || r == 127:
			fmt.Fprintf(b, `\u%04x`, r)
		case j.ascii && r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		case j.ascii && r > 127:
			fmt.Fprintf(b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}
