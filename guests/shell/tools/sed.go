package tools

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"boxagnts/shell/regex"
)

// sed: the commands of POSIX and the usual ones of GNU. Reading a script is in sed_script.go.

type sedRun struct {
	c                        *Call
	script                   []sedCommand
	quiet, separate, inPlace bool
	suffix                   string
	end                      byte

	input     []sedFile // not opened yet
	reader    *bufio.Reader
	closer    io.Closer
	file      string
	next      []byte // read ahead, to know the last line
	nextEnded bool
	haveNext  bool

	pattern, hold []byte
	ended         bool // the pattern space's line had its newline
	number        int64
	appended      []sedAppend
	out           *bytes.Buffer // of the file that is edited in place; nil: standard output
	missing       bool          // the last line written had no newline: the next one needs it first
	writes        map[string]io.ReadWriteCloser
	readers       map[string]*bufio.Reader
	lastPattern   *regex.Regexp
}

type sedFile struct{ name string }

type sedAppend struct {
	text []byte
	file string
}

func sed(c *Call) int {
	given, operands := c.options(spec{letters: "Eirnsuze:f:l:", optional: "i", long: map[string]rune{"regexp-extended": 'E',
		"in-place": 'i', "quiet": 'n', "silent": 'n', "separate": 's', "unbuffered": 'u', "null-data": 'z', "expression": 'e', "file": 'f',
		"sandbox": 'u', "posix": 'u'}})
	s := &sedRun{c: c, quiet: has(given, "n"), separate: has(given, "si"), inPlace: has(given, "i"), end: '\n',
		writes: map[string]io.ReadWriteCloser{}, readers: map[string]*bufio.Reader{}}
	s.suffix, _ = last(given, 'i')
	if has(given, "z") {
		s.end = 0
	}
	var source strings.Builder
	any := false
	for _, o := range given {
		switch o.letter {
		case 'e':
			source.WriteString(o.value + "\n")
			any = true
		case 'f':
			f := c.open(o.value)
			if f == nil {
				panic(stop{1})
			}
			source.WriteString(strings.TrimSuffix(string(c.whole(o.value, f)), "\n") + "\n")
			f.Close()
			any = true
		}
	}
	if !any {
		if len(operands) == 0 {
			c.usage(spec{}, "a script is wanted")
		}
		source.WriteString(operands[0])
		operands = operands[1:]
	}
	s.script = c.sedScript(source.String(), has(given, "Er"), &s.quiet)
	if len(operands) == 0 {
		if s.inPlace {
			c.fail(1, "no input files")
		}
		operands = []string{"-"}
	}
	for _, name := range operands {
		s.input = append(s.input, sedFile{name})
	}
	status := s.run()
	for name, f := range s.writes {
		if err := f.Close(); err != nil {
			c.warn("%s: %s", name, reason(err))
		}
	}
	return status
}

// openNext opens the next input that can be opened.
func (s *sedRun) openNext() bool {
	for len(s.input) > 0 {
		name := s.input[0].name
		s.input = s.input[1:]
		f, err := s.c.tryOpen(name)
		if err != nil {
			s.c.warnAs(2, "can't read %s: %s", name, reason(err))
			continue
		}
		s.closer, s.file = f, name
		if s.reader == nil {
			s.reader = bufio.NewReaderSize(f, 32<<10)
		} else {
			s.reader.Reset(f)
		}
		if s.separate {
			s.number = 0
		}
		if s.inPlace && name != "-" {
			s.out = &bytes.Buffer{}
		}
		return true
	}
	return false
}

// fill reads one line ahead; with -s and -i only within a file.
func (s *sedRun) fill() {
	for !s.haveNext {
		if s.closer == nil {
			return
		}
		line, err := s.reader.ReadBytes(s.end)
		if len(line) > wholeMax {
			s.c.fail(1, "%s: a line is longer than %d MiB", s.file, wholeMax>>20)
		}
		if err != nil && err != io.EOF {
			s.c.warnAs(2, "read error on %s: %s", s.file, reason(err))
		}
		if len(line) > 0 {
			s.nextEnded = line[len(line)-1] == s.end
			s.next = bytes.TrimSuffix(line, []byte{s.end})
			s.haveNext = true
			return
		}
		s.closer.Close()
		s.closer = nil
		if s.separate || !s.openNext() {
			return
		}
	}
}

func (s *sedRun) isLast() bool {
	s.fill()
	return !s.haveNext
}

// take makes the next line the pattern space.
func (s *sedRun) take(add bool) bool {
	s.fill()
	if !s.haveNext {
		return false
	}
	s.c.look()
	if add {
		s.pattern = append(append(s.pattern, s.end), s.next...)
		if len(s.pattern) > wholeMax {
			s.c.fail(1, "the pattern space is larger than %d MiB", wholeMax>>20)
		}
	} else {
		s.pattern = append(s.pattern[:0], s.next...)
	}
	s.ended, s.haveNext = s.nextEnded, false
	s.number++
	return true
}

func (s *sedRun) run() int {
	for s.openNext() {
		for i := range s.script {
			s.script[i].inRange = false
		}
		for s.take(false) {
			action := s.cycle()
			if action.quit {
				s.store()
				return max(action.status, s.c.status)
			}
			for action.restart && s.pattern != nil {
				action = s.cycle()
				if action.quit {
					s.store()
					return max(action.status, s.c.status)
				}
			}
		}
		s.store()
		if !s.separate {
			break
		}
	}
	return s.c.status
}

// store puts an edited file in place. After a quit the rest of the file goes unchanged.
func (s *sedRun) store() {
	if s.out == nil {
		return
	}
	if s.haveNext {
		s.write(s.next, s.nextEnded)
		s.haveNext = false
	}
	if s.closer != nil {
		rest, _ := io.ReadAll(s.reader)
		s.out.Write(rest)
		s.closer.Close()
		s.closer = nil
	}
	if s.suffix != "" {
		backup := s.file + s.suffix
		if strings.Contains(s.suffix, "*") {
			backup = strings.ReplaceAll(s.suffix, "*", s.file)
		}
		if old, err := s.c.tryOpen(s.file); err == nil {
			b := s.c.whole(s.file, old)
			old.Close()
			if err := s.c.put(backup, b); err != nil {
				s.c.fail(4, "%s: %s", backup, reason(err))
			}
		}
	}
	if err := s.c.put(s.file, s.out.Bytes()); err != nil {
		s.c.fail(4, "couldn't open file %s: %s", s.file, reason(err))
	}
	s.out, s.missing = nil, false
}

func (s *sedRun) write(text []byte, ended bool) {
	var to io.Writer = s.c.Out
	if s.out != nil {
		to = s.out
	}
	if s.missing {
		to.Write([]byte{s.end})
	}
	to.Write(text)
	if ended {
		to.Write([]byte{s.end})
	}
	s.missing = !ended
}

type sedAction struct {
	quit, restart, noPrint bool
	status                 int
}

// cycle runs the script on the pattern space and prints what is to be printed.
func (s *sedRun) cycle() sedAction {
	action := s.execute()
	if !s.quiet && !action.noPrint {
		s.write(s.pattern, s.ended)
	}
	s.flushAppended()
	return action
}

func (s *sedRun) flushAppended() {
	for _, a := range s.appended {
		if a.file == "" {
			s.write(a.text, true)
			continue
		}
		if f, err := s.c.tryOpen(a.file); err == nil {
			b := s.c.whole(a.file, f)
			f.Close()
			if len(b) > 0 {
				text, ended := chomp(b)
				s.write(text, ended)
			}
		}
	}
	s.appended = s.appended[:0]
}

func (s *sedRun) execute() sedAction {
	replaced := false
	for i := 0; i < len(s.script); i++ {
		k := &s.script[i]
		if !s.selects(k) {
			if k.name == '{' {
				i = k.target
			}
			continue
		}
		switch k.name {
		case '{', '}', ':', '#':
		case '=':
			s.write([]byte(strconv.FormatInt(s.number, 10)), true)
		case 'a':
			s.appended = append(s.appended, sedAppend{text: k.text})
		case 'i':
			s.write(k.text, true)
		case 'c':
			if !k.hasRange() || !k.inRange || k.negated {
				s.write(k.text, true)
			}
			return sedAction{noPrint: true}
		case 'b':
			s.c.look()
			i = k.target - 1
		case 't', 'T':
			s.c.look()
			if replaced == (k.name == 't') {
				i = k.target - 1
			}
			replaced = false
		case 'd':
			return sedAction{noPrint: true}
		case 'D':
			j := bytes.IndexByte(s.pattern, '\n')
			if j < 0 {
				return sedAction{noPrint: true}
			}
			s.pattern = append(s.pattern[:0], s.pattern[j+1:]...)
			return sedAction{noPrint: true, restart: true}
		case 'g':
			s.pattern = append(s.pattern[:0], s.hold...)
		case 'G':
			s.pattern = append(append(s.pattern, '\n'), s.hold...)
		case 'h':
			s.hold = append(s.hold[:0], s.pattern...)
		case 'H':
			s.hold = append(append(s.hold, '\n'), s.pattern...)
		case 'x':
			s.pattern, s.hold = s.hold, s.pattern
			if s.pattern == nil {
				s.pattern = []byte{}
			}
		case 'l':
			s.write([]byte(sedList(s.pattern, k.number)), true)
		case 'n':
			if s.isLast() {
				return sedAction{quit: !s.separate}
			}
			if !s.quiet {
				s.write(s.pattern, s.ended)
			}
			s.flushAppended()
			s.take(false)
		case 'N':
			if s.isLast() {
				return sedAction{quit: !s.separate}
			}
			s.flushAppended()
			s.take(true)
		case 'p':
			s.write(s.pattern, s.ended)
		case 'P':
			line, _, _ := bytes.Cut(s.pattern, []byte{'\n'})
			s.write(line, true)
		case 'q':
			return sedAction{quit: true, status: k.number}
		case 'Q':
			return sedAction{quit: true, noPrint: true, status: k.number}
		case 'r':
			s.appended = append(s.appended, sedAppend{file: k.file})
		case 'R':
			s.readLine(k.file)
		case 's':
			replaced = s.substitute(k) || replaced
		case 'w':
			s.toFile(k.file, s.pattern)
		case 'W':
			line, _, _ := bytes.Cut(s.pattern, []byte{'\n'})
			s.toFile(k.file, line)
		case 'y':
			s.pattern = k.transliterate(s.pattern)
		case 'z':
			s.pattern = s.pattern[:0]
		case 'F':
			s.write([]byte(s.file), true)
		}
	}
	return sedAction{}
}

func (s *sedRun) readLine(name string) {
	r := s.readers[name]
	if r == nil {
		f, err := s.c.tryOpen(name)
		if err != nil {
			return
		}
		r = bufio.NewReader(f)
		s.readers[name] = r
	}
	if line, _ := r.ReadBytes('\n'); len(line) > 0 {
		s.appended = append(s.appended, sedAppend{text: bytes.TrimSuffix(line, []byte{'\n'})})
	}
}

func (s *sedRun) toFile(name string, line []byte) {
	if name == "/dev/stdout" {
		s.write(line, true)
		return
	}
	f := s.writes[name]
	if f == nil {
		var err error
		f, err = Open(s.c.path(name), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, Streams{s.c.In, s.c.Out, s.c.Err})
		if err != nil {
			s.c.fail(4, "couldn't open file %s: %s", name, reason(err))
		}
		s.writes[name] = f
	}
	if _, err := f.Write(append(bytes.Clone(line), '\n')); err != nil {
		s.c.fail(4, "couldn't write to %s: %s", name, reason(err))
	}
}

// selects tells whether a command's addresses take the current line.
func (s *sedRun) selects(k *sedCommand) bool {
	in := true
	switch {
	case k.first == nil:
	case k.second == nil:
		in = s.matches(k.first)
	default:
		in = s.inRange(k)
	}
	return in != k.negated
}

func (s *sedRun) inRange(k *sedCommand) bool {
	if k.inRange {
		switch k.second.kind {
		case sedLine, sedPlus, sedMultiple:
			k.inRange = s.number < k.until
			return s.number <= k.until || s.number == k.began
		default:
			k.inRange = !s.matches(k.second)
		}
		return true
	}
	if k.first.kind == sedLine && k.first.number == 0 { // 0,/re/
		if s.number != 1 || k.usedUp {
			return false
		}
		k.usedUp = true
		k.inRange = !s.matches(k.second)
		return true
	}
	if !s.matches(k.first) {
		return false
	}
	k.began = s.number
	switch k.second.kind {
	case sedLine:
		k.until = k.second.number
		k.inRange = k.until > s.number
	case sedPlus:
		k.until = s.number + k.second.number
		k.inRange = k.second.number > 0
	case sedMultiple:
		k.until = s.number
		if n := k.second.number; n > 0 && s.number%n != 0 {
			k.until = s.number + n - s.number%n
		}
		k.inRange = k.until > s.number
	case sedLast:
		k.inRange = !s.isLast()
	default:
		k.inRange = true
	}
	return true
}

func (s *sedRun) matches(a *sedAddress) bool {
	switch a.kind {
	case sedLine:
		return s.number == a.number
	case sedPlus, sedMultiple:
		return false
	case sedStep:
		return s.number >= a.number && (a.step == 0 && s.number == a.number || a.step > 0 && (s.number-a.number)%a.step == 0)
	case sedLast:
		return s.isLast()
	}
	re := s.pick(a.re)
	found := re.Match(s.pattern)
	s.checkSteps(re)
	return found
}

// pick: an empty pattern is the last one that was used.
func (s *sedRun) pick(re *regex.Regexp) *regex.Regexp {
	if re == nil {
		if s.lastPattern == nil {
			s.c.fail(1, "no previous regular expression")
		}
		return s.lastPattern
	}
	s.lastPattern = re
	return re
}

func (s *sedRun) checkSteps(re *regex.Regexp) {
	if re.Err() != nil {
		s.c.fail(1, "%s", re.Err())
	}
}

func (s *sedRun) substitute(k *sedCommand) bool {
	re := s.pick(k.re)
	most := k.number
	if k.global {
		most = -1
	}
	found := re.FindAll(s.pattern, most)
	s.checkSteps(re)
	if len(found) < k.number {
		return false
	}
	var out bytes.Buffer
	at := 0
	for _, m := range found[k.number-1:] {
		out.Write(s.pattern[at:m[0]])
		k.replacement.write(&out, s.pattern, m)
		at = m[1]
	}
	out.Write(s.pattern[at:])
	if out.Len() > wholeMax {
		s.c.fail(1, "the pattern space is larger than %d MiB", wholeMax>>20)
	}
	s.pattern = append(s.pattern[:0], out.Bytes()...)
	if k.print {
		s.write(s.pattern, true)
	}
	if k.file != "" {
		s.toFile(k.file, s.pattern)
	}
	return true
}

// sedList is the pattern space so that everything in it can be seen.
func sedList(text []byte, width int) string {
	if width <= 0 {
		width = 70
	}
	var out strings.Builder
	column := 0
	put := func(s string) {
		if width > 1 && column+len(s) > width-1 {
			out.WriteString("\\\n")
			column = 0
		}
		out.WriteString(s)
		column += len(s)
	}
	for _, b := range text {
		switch i := strings.IndexByte("\a\b\f\n\r\t\v\\", b); {
		case i >= 0:
			put(`\` + string("abfnrtv\\"[i]))
		case b < 32 || b > 126:
			put(fmt.Sprintf(`\%03o`, b))
		default:
			put(string(rune(b)))
		}
	}
	return out.String() + "$"
}
