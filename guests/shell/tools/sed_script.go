package tools

import (
	"bytes"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"boxagnts/shell/regex"
)

type sedAddressKind int

const (
	sedLine sedAddressKind = iota
	sedLast
	sedStep
	sedPattern
	sedPlus     // addr,+N
	sedMultiple // addr,~N
)

type sedAddress struct {
	kind         sedAddressKind
	number, step int64
	re           *regex.Regexp // nil: the last one used
}

type sedCommand struct {
	first, second *sedAddress
	negated       bool
	name          byte
	text          []byte // a i c
	label         string // : b t T
	target        int    // of b t T: where to go on; of {: its }
	file          string
	re            *regex.Regexp
	replacement   sedReplacement
	global, print bool
	number        int // s///N, q5, l 20
	from, to      []rune
	// while it runs
	inRange, usedUp bool
	until, began    int64
}

func (k *sedCommand) hasRange() bool { return k.second != nil }

func (k *sedCommand) transliterate(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		put := text[:size]
		for i, from := range k.from {
			if r == from && !(r == utf8.RuneError && size == 1) {
				put = utf8.AppendRune(nil, k.to[i])
				break
			}
		}
		out = append(out, put...)
		text = text[size:]
	}
	return out
}

// sedReplacement is the right side of s: pieces of text, groups, and GNU's changes of case.
type sedReplacement []sedPiece

type sedPiece struct {
	text  string
	group int  // -1: text
	turn  byte // 'U' 'L' 'E' 'u' 'l': a change of case from here on, or 0
}

func (r sedReplacement) write(out *bytes.Buffer, line []byte, m []int) {
	var mode, once byte
	for _, p := range r {
		switch p.turn {
		case 'U', 'L':
			mode, once = p.turn, 0
			continue
		case 'E':
			mode, once = 0, 0
			continue
		case 'u', 'l':
			once = p.turn
			continue
		}
		text := p.text
		if p.group >= 0 {
			text = ""
			if 2*p.group+1 < len(m) && m[2*p.group] >= 0 {
				text = string(line[m[2*p.group]:m[2*p.group+1]])
			}
		}
		switch mode {
		case 'U':
			text = strings.ToUpper(text)
		case 'L':
			text = strings.ToLower(text)
		}
		if once != 0 && text != "" {
			head, size := utf8.DecodeRuneInString(text)
			if once == 'u' {
				head = unicode.ToUpper(head)
			} else {
				head = unicode.ToLower(head)
			}
			text = string(head) + text[size:]
			once = 0
		}
		out.WriteString(text)
	}
}

type sedParser struct {
	c        *Call
	text     string
	at       int
	extended bool
	script   []sedCommand
	open     []int
}

const sedCommandsMax = 10000

func (c *Call) sedScript(text string, extended bool, quiet *bool) []sedCommand {
	if strings.HasPrefix(text, "#n\n") {
		*quiet = true
	}
	p := &sedParser{c: c, text: text, extended: extended}
	for p.command() {
		if len(p.script) > sedCommandsMax {
			p.fail("more than %d commands", sedCommandsMax)
		}
	}
	if len(p.open) > 0 {
		p.fail("unmatched `{'")
	}
	p.resolve()
	return p.script
}

func (p *sedParser) fail(format string, values ...any) {
	p.c.fail(1, "-e expression #1, char "+strconv.Itoa(p.at)+": "+format, values...)
}

func (p *sedParser) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *sedParser) skip(set string) {
	for p.at < len(p.text) && strings.IndexByte(set, p.text[p.at]) >= 0 {
		p.at++
	}
}

func (p *sedParser) command() bool {
	p.skip(" \t\n;")
	if p.at >= len(p.text) {
		return false
	}
	var k sedCommand
	if k.first = p.address(false); k.first != nil {
		p.skip(" \t")
		if p.peek() == ',' {
			p.at++
			p.skip(" \t")
			if k.second = p.address(true); k.second == nil {
				p.fail("unexpected `,'")
			}
		} else if k.first.kind == sedLine && k.first.number == 0 {
			p.fail("invalid usage of line address 0")
		}
	}
	p.skip(" \t")
	for p.peek() == '!' {
		k.negated = true
		p.at++
		p.skip(" \t")
	}
	if p.at >= len(p.text) {
		p.fail("missing command")
	}
	k.name = p.text[p.at]
	p.at++
	p.rest(&k)
	p.script = append(p.script, k)
	return true
}

func (p *sedParser) number() (int64, bool) {
	start := p.at
	p.skip("0123456789")
	n, err := strconv.ParseInt(p.text[start:p.at], 10, 40)
	return n, err == nil
}

func (p *sedParser) address(second bool) *sedAddress {
	switch b := p.peek(); {
	case b == '$':
		p.at++
		return &sedAddress{kind: sedLast}
	case b == '/' || b == '\\':
		p.at++
		if b == '\\' {
			b = p.peek()
			p.at++
		}
		text := p.delimited(b, true)
		var ignore, lines bool
		for p.peek() == 'I' || p.peek() == 'M' {
			ignore, lines = ignore || p.peek() == 'I', lines || p.peek() == 'M'
			p.at++
		}
		return &sedAddress{kind: sedPattern, re: p.compile(text, ignore, lines)}
	case second && (b == '+' || b == '~'):
		p.at++
		n, ok := p.number()
		if !ok {
			p.fail("expected a number after `%c'", b)
		}
		kind := sedPlus
		if b == '~' {
			kind = sedMultiple
		}
		return &sedAddress{kind: kind, number: n}
	case b >= '0' && b <= '9':
		n, ok := p.number()
		if !ok {
			p.fail("a line number is too large")
		}
		if p.peek() == '~' {
			p.at++
			step, _ := p.number()
			return &sedAddress{kind: sedStep, number: n, step: step}
		}
		return &sedAddress{kind: sedLine, number: n}
	}
	return nil
}

// delimited is the text up to the next delimiter. A delimiter behind a backslash is plain; in a pattern, one within
// brackets does not end it either.
func (p *sedParser) delimited(end byte, isPattern bool) string {
	var out strings.Builder
	inBrackets := false
	for p.at < len(p.text) {
		b := p.text[p.at]
		p.at++
		switch {
		case b == '\\' && !inBrackets && p.at < len(p.text):
			next := p.text[p.at]
			p.at++
			switch {
			case next == end && !(isPattern && strings.IndexByte("(){}+?|.*[]^$", next) >= 0):
				out.WriteByte(next)
			case next == end:
				out.WriteString(`[` + string(next) + `]`)
			case next == 'n' && isPattern:
				out.WriteByte('\n')
			default:
				out.WriteByte(b)
				out.WriteByte(next)
			}
			continue
		case isPattern && b == '[' && !inBrackets:
			inBrackets = true
			out.WriteByte(b)
			if p.peek() == '^' {
				out.WriteByte('^')
				p.at++
			}
			if p.peek() == ']' {
				out.WriteByte(']')
				p.at++
			}
			continue
		case inBrackets && b == '[' && (p.peek() == ':' || p.peek() == '.' || p.peek() == '='):
			if i := strings.Index(p.text[p.at+1:], string(p.peek())+"]"); i >= 0 {
				out.WriteByte(b)
				out.WriteString(p.text[p.at : p.at+1+i+2])
				p.at += 1 + i + 2
				continue
			}
		case inBrackets && b == ']':
			inBrackets = false
		case b == end && !inBrackets:
			return out.String()
		}
		out.WriteByte(b)
	}
	p.fail("unterminated address regex or `s' command")
	return ""
}

func (p *sedParser) compile(text string, ignore, lines bool) *regex.Regexp {
	if text == "" {
		return nil
	}
	o := regex.Options{Flavour: regex.Basic, IgnoreCase: ignore, Lines: lines}
	if p.extended {
		o.Flavour = regex.Extended
	} else {
		text = strings.ReplaceAll(text, "\n", `\n`) // a newline is no bar here
	}
	re, err := regex.Compile(text, o)
	if err != nil {
		p.fail("%s", err)
	}
	return re
}

// rest reads what belongs to a command behind its letter.
func (p *sedParser) rest(k *sedCommand) {
	switch k.name {
	case '#':
		p.line()
	case '{':
		p.open = append(p.open, len(p.script))
		return
	case '}':
		if len(p.open) == 0 {
			p.fail("unexpected `}'")
		}
		p.script[p.open[len(p.open)-1]].target = len(p.script)
		p.open = p.open[:len(p.open)-1]
		p.ends()
	case '=', 'd', 'D', 'g', 'G', 'h', 'H', 'n', 'N', 'p', 'P', 'x', 'z', 'F':
		p.ends()
	case 'a', 'i', 'c':
		k.text = p.textBlock()
	case ':':
		p.skip(" \t")
		k.label = strings.TrimRight(p.until("\n;"), " \t")
		if k.label == "" {
			p.fail("\":\" lacks a label")
		}
	case 'b', 't', 'T':
		p.skip(" \t")
		k.label = strings.TrimRight(p.until("\n;}"), " \t")
	case 'q', 'Q', 'l', 'L':
		p.skip(" \t")
		n, _ := p.number()
		k.number = int(n)
		p.ends()
	case 'r', 'R', 'w', 'W':
		p.skip(" \t")
		if k.file = p.line(); k.file == "" {
			p.fail("missing filename in r/R/w/W commands")
		}
	case 's':
		p.substitution(k)
	case 'y':
		p.transliteration(k)
	case 'e':
		p.fail("the command `e' is not there: it would run what a file says")
	default:
		p.fail("unknown command: `%c'", k.name)
	}
}

func (p *sedParser) until(set string) string {
	start := p.at
	for p.at < len(p.text) && strings.IndexByte(set, p.text[p.at]) < 0 {
		p.at++
	}
	return p.text[start:p.at]
}

func (p *sedParser) line() string { return p.until("\n") }

// ends: what may follow a command without more words.
func (p *sedParser) ends() {
	p.skip(" \t")
	switch p.peek() {
	case 0, '\n', ';':
		p.at = min(p.at+1, len(p.text))
	case '}', '#':
	default:
		p.fail("extra characters after command")
	}
}

// textBlock is the text of a, i and c: "a text" on the line, or "a\" and the lines below it; a backslash at the end of a
// line goes on.
func (p *sedParser) textBlock() []byte {
	p.skip(" \t")
	if p.peek() == '\\' {
		p.at++
		start := p.at
		p.skip(" \t")
		if p.peek() == '\n' {
			p.at++
		} else {
			p.at = start // "i\  text" keeps its blanks
		}
	}
	if p.at >= len(p.text) {
		p.fail("expected \\ after `a', `c' or `i'")
	}
	var out []byte
	for p.at < len(p.text) && p.text[p.at] != '\n' {
		b := p.text[p.at]
		p.at++
		if b == '\\' && p.at < len(p.text) {
			b = p.text[p.at]
			p.at++
			if b == 't' {
				b = '\t'
			}
		}
		out = append(out, b)
	}
	return out
}

func (p *sedParser) substitution(k *sedCommand) {
	end := p.peek()
	if end == 0 || end == '\n' || end == '\\' {
		p.fail("unterminated `s' command")
	}
	p.at++
	pattern := p.delimited(end, true)
	replacement := p.delimited(end, false)
	k.number = 1
	ignore, lines := false, false
	for done := false; !done; {
		switch b := p.peek(); {
		case b == 'g':
			k.global = true
		case b == 'p':
			k.print = true
		case b == 'i' || b == 'I':
			ignore = true
		case b == 'm' || b == 'M':
			lines = true
		case b == 'e':
			p.fail("the flag `e' is not there: it would run what a file says")
		case b == 'w':
			p.at++
			p.skip(" \t")
			k.file = p.line()
			done = true
			continue
		case b >= '1' && b <= '9':
			n, _ := p.number()
			k.number = int(n)
			continue
		default:
			p.ends()
			done = true
			continue
		}
		p.at++
	}
	k.re = p.compile(pattern, ignore, lines)
	k.replacement = p.replacement(replacement, k.re)
}

func (p *sedParser) replacement(text string, re *regex.Regexp) (out sedReplacement) {
	var plain strings.Builder
	flush := func() {
		if plain.Len() > 0 {
			out = append(out, sedPiece{text: plain.String(), group: -1})
			plain.Reset()
		}
	}
	for i := 0; i < len(text); i++ {
		b := text[i]
		if b == '&' {
			flush()
			out = append(out, sedPiece{group: 0})
			continue
		}
		if b != '\\' || i+1 == len(text) {
			plain.WriteByte(b)
			continue
		}
		i++
		switch b = text[i]; b {
		case '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			group := int(b - '0')
			if re != nil && group > re.Groups() {
				p.fail("invalid reference \\%d on `s' command's RHS", group)
			}
			flush()
			out = append(out, sedPiece{group: group})
		case 'U', 'L', 'E', 'u', 'l':
			flush()
			out = append(out, sedPiece{turn: b, group: -1})
		case 'n':
			plain.WriteByte('\n')
		case 't':
			plain.WriteByte('\t')
		case 'r':
			plain.WriteByte('\r')
		case 'f':
			plain.WriteByte('\f')
		case 'v':
			plain.WriteByte('\v')
		case 'a':
			plain.WriteByte('\a')
		default:
			plain.WriteByte(b)
		}
	}
	flush()
	return out
}

func (p *sedParser) transliteration(k *sedCommand) {
	end := p.peek()
	p.at++
	plain := func(s string) []rune {
		s = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\t`, "\t").Replace(s)
		return []rune(s)
	}
	k.from = plain(p.delimited(end, false))
	k.to = plain(p.delimited(end, false))
	if len(k.from) != len(k.to) {
		p.fail("strings for `y' command are different lengths")
	}
	p.ends()
}

// resolve turns labels into places.
func (p *sedParser) resolve() {
	places := map[string]int{}
	for i := range p.script {
		if p.script[i].name == ':' {
			places[p.script[i].label] = i
		}
	}
	for i := range p.script {
		k := &p.script[i]
		if k.name != 'b' && k.name != 't' && k.name != 'T' {
			continue
		}
		if k.label == "" {
			k.target = len(p.script)
			continue
		}
		at, ok := places[k.label]
		if !ok {
			p.c.fail(1, "-e expression #1: can't find label for jump to `%s'", k.label)
		}
		k.target = at
	}
}
