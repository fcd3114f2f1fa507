package tools

import (
	"bytes"
	"io"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

// cut and tr.

type span struct{ from, to int } // from 1, both ends included

func (c *Call) spans(list string) []span {
	var out []span
	for _, part := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		from, to, ranged := strings.Cut(part, "-")
		s := span{1, 1 << 40}
		if from != "" {
			s.from = int(c.number("byte, character or field list", from, 1, 1<<40))
		}
		if !ranged {
			s.to = s.from
		} else if to != "" {
			s.to = int(c.number("byte, character or field list", to, 1, 1<<40))
		}
		if s.to < s.from || ranged && from == "" && to == "" {
			c.fail(1, "invalid range: '%s'", part)
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		c.fail(1, "a list of positions is wanted")
	}
	sort.Slice(out, func(i, j int) bool { return out[i].from < out[j].from })
	return out
}

func within(spans []span, n int) bool {
	for _, s := range spans {
		if n >= s.from && n <= s.to {
			return true
		}
	}
	return false
}

func cut(c *Call) int {
	s := spec{letters: "b:c:f:d:sznČD:", long: map[string]rune{"bytes": 'b', "characters": 'c', "fields": 'f', "delimiter": 'd',
		"only-delimited": 's', "zero-terminated": 'z', "complement": 'Č', "output-delimiter": 'D'}}
	given, operands := c.options(s)
	var by rune
	var spans []span
	for _, o := range given {
		if o.letter == 'b' || o.letter == 'c' || o.letter == 'f' {
			if by != 0 {
				c.usage(s, "only one list may be specified")
			}
			by, spans = o.letter, c.spans(o.value)
		}
	}
	if by == 0 {
		c.usage(s, "you must specify a list of bytes, characters, or fields")
	}
	delimiter := "\t"
	if d, ok := last(given, 'd'); ok {
		if delimiter = d; utf8.RuneCountInString(d) > 1 {
			c.fail(1, "the delimiter must be a single character")
		}
	}
	between, ownBetween := last(given, 'D')
	if !ownBetween && by == 'f' {
		between = delimiter
	}
	end := byte('\n')
	if has(given, "z") {
		end = 0
	}
	complement, onlyDelimited := has(given, "Č"), has(given, "s")
	c.each(operands, func(name string, f io.Reader) {
		c.pieces(name, f, end, func(piece []byte) bool {
			line := bytes.TrimSuffix(piece, []byte{end})
			if by == 'f' && !bytes.Contains(line, []byte(delimiter)) {
				if !onlyDelimited {
					c.Out.Write(line)
					c.Out.byte(end)
				}
				return true
			}
			c.cutLine(line, by, spans, delimiter, between, complement)
			c.Out.byte(end)
			return true
		})
	})
	return 0
}

func (c *Call) cutLine(line []byte, by rune, spans []span, delimiter, between string, complement bool) {
	first, before := true, false
	for n := 1; len(line) > 0 || by == 'f' && n > 0; n++ {
		size, skip, ends := 1, 0, false
		switch by {
		case 'c':
			_, size = utf8.DecodeRune(line)
		case 'f':
			if size = bytes.Index(line, []byte(delimiter)); size < 0 {
				size, ends = len(line), true
			} else {
				skip = len(delimiter)
			}
		}
		if within(spans, n) != complement {
			if by == 'f' && !first || by != 'f' && !first && !before {
				c.Out.text(between)
			}
			c.Out.Write(line[:size])
			first, before = false, true
		} else {
			before = false
		}
		line = line[size+skip:]
		if ends {
			return
		}
	}
}

// --- tr: on bytes, with characters beyond ASCII taken as one ---

type trSet struct {
	runes []rune
	fill  int // index of a [x*] that is stretched, -1
}

var trClasses = map[string]func(rune) bool{
	"alpha": func(r rune) bool { return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' },
	"digit": func(r rune) bool { return r >= '0' && r <= '9' },
	"alnum": func(r rune) bool { return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' },
	"upper": func(r rune) bool { return r >= 'A' && r <= 'Z' },
	"lower": func(r rune) bool { return r >= 'a' && r <= 'z' },
	"space": func(r rune) bool { return r == ' ' || r >= 9 && r <= 13 },
	"blank": func(r rune) bool { return r == ' ' || r == '\t' },
	"punct": func(r rune) bool {
		return r > 32 && r < 127 && !(r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z')
	},
	"print":  func(r rune) bool { return r >= 32 && r < 127 },
	"graph":  func(r rune) bool { return r > 32 && r < 127 },
	"cntrl":  func(r rune) bool { return r < 32 || r == 127 },
	"xdigit": func(r rune) bool { return r >= '0' && r <= '9' || r >= 'A' && r <= 'F' || r >= 'a' && r <= 'f' },
}

func (c *Call) trRune(text string) (r rune, size int) {
	if text[0] != '\\' || len(text) == 1 {
		r, size = utf8.DecodeRuneInString(text)
		if r == utf8.RuneError && size == 1 {
			r = stray(text[0])
		}
		return r, size
	}
	digits := 1
	for digits < 4 && digits < len(text) && text[digits] >= '0' && text[digits] <= '7' {
		digits++
	}
	if digits > 1 {
		n, _ := strconv.ParseUint(text[1:digits], 8, 16)
		if n >= utf8.RuneSelf {
			return stray(byte(n)), digits
		}
		return rune(n), digits
	}
	if i := strings.IndexByte("abfnrtv", text[1]); i >= 0 {
		return rune("\a\b\f\n\r\t\v"[i]), 2
	}
	r, size = utf8.DecodeRuneInString(text[1:])
	return r, size + 1
}

// stray is a byte that is no UTF-8, out of the way of all characters.
func stray(b byte) rune { return -256 + rune(b) }

func (c *Call) trSet(text string) (s trSet) {
	s.fill = -1
	for len(text) > 0 {
		if strings.HasPrefix(text, "[:") {
			if end := strings.Index(text, ":]"); end > 0 {
				in, known := trClasses[text[2:end]]
				if !known {
					c.fail(1, "invalid character class '%s'", text[2:end])
				}
				for r := range rune(128) {
					if in(r) {
						s.runes = append(s.runes, r)
					}
				}
				text = text[end+2:]
				continue
			}
		}
		if strings.HasPrefix(text, "[") && len(text) > 3 {
			r, size := c.trRune(text[1:])
			if rest := text[1+size:]; strings.HasPrefix(rest, "*") {
				if end := strings.IndexByte(rest, ']'); end > 0 && (end == 1 || isDigits(rest[1:end])) {
					n, _ := strconv.ParseInt(rest[1:end], 0, 32)
					if n == 0 {
						s.fill = len(s.runes)
						n = 1
					}
					for range n {
						s.runes = append(s.runes, r)
					}
					text = rest[end+1:]
					continue
				}
			}
		}
		from, size := c.trRune(text)
		text = text[size:]
		to := from
		if strings.HasPrefix(text, "-") && len(text) > 1 {
			to, size = c.trRune(text[1:])
			text = text[1+size:]
			if to < from || to-from > 0x10000 {
				c.fail(1, "range-endpoints of '%c-%c' are in reverse collating sequence order", from, to)
			}
		}
		for r := from; r <= to; r++ {
			s.runes = append(s.runes, r)
		}
	}
	return s
}

func (s *trSet) stretch(size int) {
	if len(s.runes) == 0 || len(s.runes) >= size {
		return
	}
	at := s.fill
	if at < 0 {
		at = len(s.runes) - 1
	}
	more := make([]rune, size-len(s.runes))
	for i := range more {
		more[i] = s.runes[at]
	}
	tail := append([]rune{}, s.runes[at:]...)
	s.runes = append(append(s.runes[:at], more...), tail...)
}

func tr(c *Call) int {
	s := spec{letters: "cCdst", long: map[string]rune{"complement": 'c', "delete": 'd', "squeeze-repeats": 's', "truncate-set1": 't'}, inOrder: true}
	given, operands := c.options(s)
	deletes, squeezes, complement := has(given, "d"), has(given, "s"), has(given, "cC")
	least := 2
	if deletes != squeezes {
		least = 1
	}
	if len(operands) < least || len(operands) > 2 || deletes && !squeezes && len(operands) > 1 {
		c.usage(s, "%d operands are not right for this", len(operands))
	}
	first := c.trSet(operands[0])
	var second trSet
	if len(operands) > 1 {
		second = c.trSet(operands[1])
	}
	in := make(map[rune]bool, len(first.runes))
	for _, r := range first.runes {
		in[r] = true
	}
	translates := len(operands) > 1 && !deletes
	mapped := map[rune]rune{}
	var others rune
	if translates {
		if len(second.runes) == 0 {
			c.fail(1, "when not truncating set1, string2 must be non-empty")
		}
		if complement {
			others = second.runes[len(second.runes)-1]
		} else {
			if !has(given, "t") {
				second.stretch(len(first.runes))
			}
			for i, r := range first.runes {
				if i < len(second.runes) {
					mapped[r] = second.runes[i]
				}
			}
		}
	}
	squeezed := in
	if len(operands) > 1 {
		squeezed = map[rune]bool{}
		for _, r := range second.runes {
			squeezed[r] = true
		}
	}
	turn := func(r rune) (rune, bool) {
		hit := in[r] != complement
		switch {
		case deletes && hit:
			return r, false
		case translates && complement && hit:
			return others, true
		case translates:
			if to, ok := mapped[r]; ok {
				return to, true
			}
		}
		return r, true
	}
	inSqueezed := func(r rune) bool {
		if len(operands) > 1 {
			return squeezed[r]
		}
		return squeezed[r] != complement
	}
	c.trRun(turn, squeezes, inSqueezed)
	return 0
}

func (c *Call) trRun(turn func(rune) (rune, bool), squeezes bool, inSqueezed func(rune) bool) {
	f := looking{c, io.NopCloser(c.In)}
	buffer := make([]byte, 32<<10)
	left, before := 0, rune(-1000)
	var out []byte
	for {
		got, err := f.Read(buffer[left:])
		part := buffer[:left+got]
		left, out = 0, out[:0]
		for len(part) > 0 {
			r, size := rune(part[0]), 1
			if r >= utf8.RuneSelf {
				if err == nil && !utf8.FullRune(part) {
					left = copy(buffer, part)
					break
				}
				if r, size = utf8.DecodeRune(part); r == utf8.RuneError && size == 1 {
					r = stray(part[0])
				}
			}
			part = part[size:]
			to, keep := turn(r)
			if !keep || squeezes && to == before && inSqueezed(to) {
				continue
			}
			before = to
			if to < 0 {
				out = append(out, byte(to+256))
			} else {
				out = utf8.AppendRune(out, to)
			}
		}
		c.Out.Write(out)
		if err != nil {
			if err != io.EOF {
				c.warn("read error: %s", reason(err))
			}
			return
		}
	}
}
