package tools

import (
	"bytes"
	"crypto/sha256"
	"math/big"
	"sort"
	"strconv"
	"strings"
	"unicode"
)

// sortKey is one -k, or the whole line.
type sortKey struct {
	fromField, fromChar, toField, toChar int // from 1; toField 0: to the end of the line
	blankFrom, blankTo                   bool
	kind                                 rune // 0 bytes, n, g, h, M, V, R
	fold, dictionary, printable, reverse bool
	given                                bool // it has options of its own
}

var sortSpec = spec{letters: "bcCdfghimMnrRsuVzk:t:o:S:T:", bad: 2, long: map[string]rune{"ignore-leading-blanks": 'b', "check": 'c',
	"dictionary-order": 'd', "ignore-case": 'f', "general-numeric-sort": 'g', "human-numeric-sort": 'h', "ignore-nonprinting": 'i',
	"month-sort": 'M', "numeric-sort": 'n', "reverse": 'r', "random-sort": 'R', "stable": 's', "unique": 'u', "version-sort": 'V',
	"zero-terminated": 'z', "key": 'k', "field-separator": 't', "output": 'o', "merge": 'm', "buffer-size": 'S', "parallel": 'S'}}

type sorting struct {
	c              *Call
	keys           []sortKey
	separator      string
	stable, unique bool
	reverse        bool
}

func sortTool(c *Call) int {
	given, operands := c.options(sortSpec)
	s := &sorting{c: c, stable: has(given, "s"), unique: has(given, "u"), reverse: has(given, "r")}
	s.readKeys(given)
	end := byte('\n')
	if has(given, "z") {
		end = 0
	}
	lines := c.allLines(operands, end)
	if c.status != 0 {
		return 2
	}
	if has(given, "cC") {
		return s.check(lines, operands, has(given, "C"))
	}
	c.look()
	sort.SliceStable(lines, func(i, j int) bool { return s.compare(lines[i], lines[j]) < 0 })
	c.look()
	var out bytes.Buffer
	for i, line := range lines {
		if s.unique && i > 0 && s.byKeys(lines[i-1], line) == 0 {
			continue
		}
		out.Write(line)
		out.WriteByte(end)
	}
	if name, ok := last(given, 'o'); ok {
		if err := c.put(name, out.Bytes()); err != nil {
			c.fail(2, "%s: %s", name, reason(err))
		}
		return 0
	}
	c.Out.Write(out.Bytes())
	return 0
}

func (s *sorting) readKeys(given []option) {
	var all sortKey
	all.fromField, all.fromChar = 1, 1
	for _, o := range given {
		all.option(byte(o.letter))
	}
	for _, o := range given {
		switch o.letter {
		case 'k':
			key := s.c.sortKey(o.value)
			if !key.given {
				kept := key
				key = all
				key.fromField, key.fromChar, key.toField, key.toChar = kept.fromField, kept.fromChar, kept.toField, kept.toChar
			}
			s.keys = append(s.keys, key)
		case 't':
			s.separator = o.value
			if o.value == `\0` {
				s.separator = "\x00"
			}
			if len([]rune(s.separator)) != 1 {
				s.c.fail(2, "multi-character tab '%s'", o.value)
			}
		}
	}
	if len(s.keys) == 0 {
		s.keys = []sortKey{all}
	}
}

func (k *sortKey) option(letter byte) bool {
	switch letter {
	case 'b':
		k.blankFrom, k.blankTo = true, true
	case 'n', 'g', 'h', 'M', 'V', 'R':
		k.kind = rune(letter)
	case 'f':
		k.fold = true
	case 'd':
		k.dictionary = true
	case 'i':
		k.printable = true
	case 'r':
		k.reverse = true
	default:
		return false
	}
	return true
}

func (c *Call) sortKey(text string) (k sortKey) {
	from, to, ranged := strings.Cut(text, ",")
	side := func(part string, field, char *int, blank *bool) {
		digits := strings.TrimRight(part, "bdfghiMnRrV")
		f, ch, dotted := strings.Cut(digits, ".")
		*field = int(c.number("key field", f, 1, 1<<30))
		if dotted {
			*char = int(c.number("key character", ch, 0, 1<<30))
		}
		for _, letter := range []byte(part[len(digits):]) {
			k.given = true
			if letter == 'b' {
				*blank = true
			} else {
				k.option(letter)
			}
		}
	}
	k.fromChar = 1
	side(from, &k.fromField, &k.fromChar, &k.blankFrom)
	if ranged {
		side(to, &k.toField, &k.toChar, &k.blankTo)
	}
	return k
}

// field is where a field starts and ends in a line; without a separator, its leading blanks belong to it.
func (s *sorting) field(line []byte, number int) (start, end int) {
	if s.separator != "" {
		for ; ; number-- {
			i := bytes.Index(line[start:], []byte(s.separator))
			if number == 1 {
				if i < 0 {
					return start, len(line)
				}
				return start, start + i
			}
			if i < 0 {
				return len(line), len(line)
			}
			start += i + len(s.separator)
		}
	}
	for {
		end = start
		for end < len(line) && isBlank(line[end]) {
			end++
		}
		for end < len(line) && !isBlank(line[end]) {
			end++
		}
		if number--; number == 0 || start == len(line) {
			return start, end
		}
		start = end
	}
}

func isBlank(b byte) bool { return b == ' ' || b == '\t' }

func (s *sorting) part(line []byte, k *sortKey) []byte {
	from, _ := s.field(line, k.fromField)
	if k.blankFrom {
		for from < len(line) && isBlank(line[from]) {
			from++
		}
	}
	from = min(len(line), from+max(0, k.fromChar-1))
	to := len(line)
	if k.toField > 0 {
		start, end := s.field(line, k.toField)
		if to = end; k.toChar > 0 {
			if k.blankTo {
				for start < len(line) && isBlank(line[start]) {
					start++
				}
			}
			to = min(len(line), start+k.toChar)
		}
	}
	return line[from:max(from, to)]
}

func (s *sorting) byKeys(a, b []byte) int {
	for i := range s.keys {
		k := &s.keys[i]
		order := k.compare(s.part(a, k), s.part(b, k))
		if k.reverse {
			order = -order
		}
		if order != 0 {
			return order
		}
	}
	return 0
}

func (s *sorting) compare(a, b []byte) int {
	order := s.byKeys(a, b)
	if order == 0 && !s.stable && !s.unique {
		if order = bytes.Compare(a, b); s.reverse {
			order = -order
		}
	}
	return order
}

func (k *sortKey) compare(a, b []byte) int {
	switch k.kind {
	case 'n':
		return compareDecimal(a, b)
	case 'h':
		sa, sb := humanRank(a), humanRank(b)
		if sa != sb {
			return sa - sb
		}
		return compareDecimal(a, b)
	case 'g':
		return compareFloat(a, b)
	case 'M':
		return month(a) - month(b)
	case 'V':
		return compareVersion(string(a), string(b))
	case 'R':
		return bytes.Compare(shuffled(a), shuffled(b))
	}
	return bytes.Compare(k.reduced(a), k.reduced(b))
}

func (k *sortKey) reduced(b []byte) []byte {
	if !k.fold && !k.dictionary && !k.printable {
		return b
	}
	out := make([]byte, 0, len(b))
	for _, c := range b {
		if k.dictionary && !isBlank(c) && !(wordByte(c) && c != '_') || k.printable && (c < 32 || c == 127) {
			continue
		}
		if k.fold && c >= 'a' && c <= 'z' {
			c -= 32
		}
		out = append(out, c)
	}
	return out
}

// decimal takes a leading number apart: sign, digits before and behind the point.
func decimal(b []byte) (negative bool, whole, part string) {
	text := strings.TrimLeft(string(b), " \t")
	if negative = strings.HasPrefix(text, "-"); negative {
		text = text[1:]
	}
	end := 0
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	whole = strings.TrimLeft(text[:end], "0")
	if rest := text[end:]; strings.HasPrefix(rest, ".") {
		end = 1
		for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
			end++
		}
		part = strings.TrimRight(rest[1:end], "0")
	}
	return negative && whole+part != "", whole, part
}

func compareDecimal(a, b []byte) int {
	negA, wholeA, partA := decimal(a)
	negB, wholeB, partB := decimal(b)
	if negA != negB {
		if negA {
			return -1
		}
		return 1
	}
	order := len(wholeA) - len(wholeB)
	if order == 0 {
		order = strings.Compare(wholeA, wholeB)
	}
	if order == 0 {
		order = strings.Compare(partA, partB)
	}
	if negA {
		return -order
	}
	return order
}

func humanRank(b []byte) int {
	negative, whole, part := decimal(b)
	text := strings.TrimLeft(string(b), " \t-0123456789.")
	rank := 0
	if text != "" && whole+part != "" {
		rank = strings.IndexByte("?KMGTPEZY", text[0])
		if text[0] == 'k' {
			rank = 1
		}
	}
	if rank = max(rank, 0); negative {
		return -rank
	}
	return rank
}

func compareFloat(a, b []byte) int {
	x, okX := leadingFloat(a)
	y, okY := leadingFloat(b)
	switch {
	case !okX || !okY:
		return boolOrder(okX, okY)
	}
	return x.Cmp(y)
}

func boolOrder(a, b bool) int {
	if a == b {
		return 0
	}
	if b {
		return -1
	}
	return 1
}

func leadingFloat(b []byte) (*big.Float, bool) {
	text := strings.TrimLeft(string(b), " \t")
	for end := min(len(text), 64); end > 0; end-- {
		if f, err := strconv.ParseFloat(text[:end], 64); err == nil && f == f {
			return big.NewFloat(f), true
		}
	}
	return nil, false
}

func month(b []byte) int {
	text := strings.ToUpper(strings.TrimLeft(string(b), " \t"))
	if len(text) < 3 {
		return 0
	}
	i := strings.Index("JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC", text[:3])
	if i < 0 || i%3 != 0 {
		return 0
	}
	return i/3 + 1
}

// compareVersion: runs of digits by value, the rest by letters, and a tilde before everything.
func compareVersion(a, b string) int {
	order := func(s string) int {
		switch {
		case s == "" || s[0] >= '0' && s[0] <= '9':
			return 0
		case s[0] == '~':
			return -1
		case unicode.IsLetter(rune(s[0])):
			return int(s[0])
		}
		return int(s[0]) + 256
	}
	digits := func(s string) int {
		n := 0
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		return n
	}
	for a != "" || b != "" {
		for a != "" && digits(a) == 0 || b != "" && digits(b) == 0 {
			if x, y := order(a), order(b); x != y {
				return x - y
			}
			a, b = a[min(1, len(a)):], b[min(1, len(b)):]
		}
		x, y := digits(a), digits(b)
		if order := compareDecimal([]byte(a[:x]), []byte(b[:y])); order != 0 {
			return order
		}
		a, b = a[x:], b[y:]
	}
	return 0
}

func (s *sorting) check(lines [][]byte, operands []string, quiet bool) int {
	name := "-"
	if len(operands) > 0 {
		name = operands[0]
	}
	for i := 1; i < len(lines); i++ {
		order := s.compare(lines[i-1], lines[i])
		if order > 0 || s.unique && order == 0 {
			if !quiet {
				s.c.warn("%s:%d: disorder: %s", name, i+1, lines[i])
			}
			return 1
		}
	}
	return 0
}

// shuffled is the place of a line in the order of sort -R: the same lines together, otherwise as the seed falls.
func shuffled(b []byte) []byte {
	if shuffleSeed == nil {
		shuffleSeed = make([]byte, 16)
		_, _ = noise{}.Read(shuffleSeed)
	}
	sum := sha256.Sum256(append(bytes.Clone(shuffleSeed), b...))
	return sum[:]
}

var shuffleSeed []byte
