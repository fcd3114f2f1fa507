package regex

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Options of a pattern.
type Options struct {
	Flavour    Flavour
	IgnoreCase bool
	Lines      bool // ^ and $ match at each line, \` and \' at the ends
	WholeWord  bool // grep -w
	WholeLine  bool // grep -x
}

// Regexp is a pattern that was read. Not safe for use by several goroutines at once.
type Regexp struct {
	linear *regexp.Regexp
	root   *node // walked when linear is nil
	groups int
	lines  bool
	steps  int
	err    error
}

// ErrSteps is what Err gives after a pattern with back-references or look-around took too long.
var ErrSteps = errors.New("the pattern takes too many steps on this input")

// Compile reads a pattern.
func Compile(pattern string, o Options) (*Regexp, error) {
	if len(pattern) > sizeMax {
		return nil, fmt.Errorf("a pattern of more than %d KiB", sizeMax>>10)
	}
	var root *node
	p := &parser{text: pattern, flavour: o.Flavour, fold: o.IgnoreCase}
	if o.Flavour == Fixed {
		root = &node{kind: isConcat}
		for p.more() {
			root.parts = append(root.parts, p.rune(p.next()))
		}
	} else {
		var err error
		if root, err = p.alternation(); err != nil {
			return nil, err
		}
		if p.more() {
			return nil, errors.New("unmatched ) or \\)")
		}
	}
	if o.WholeLine {
		root = &node{kind: isConcat, parts: []*node{{kind: isBegin}, {kind: isGroup, parts: []*node{root}}, {kind: isEnd}}}
	}
	r := &Regexp{root: root, groups: p.groups, lines: o.Lines}
	if p.needs {
		return r, nil
	}
	var out strings.Builder
	out.WriteString("(?s")
	if o.Lines {
		out.WriteString("m")
	}
	out.WriteString(")")
	emit(&out, root)
	linear, err := regexp.Compile(out.String())
	if err != nil {
		return nil, fmt.Errorf("the pattern is too large: %w", err)
	}
	if o.Flavour != Perl {
		linear.Longest()
	}
	r.linear = linear
	return r, nil
}

// Groups is how many groups capture.
func (r *Regexp) Groups() int { return r.groups }

// Literal says whether the pattern is a plain text without regard to anything else, for a fast search.
func (r *Regexp) Literal() (string, bool) {
	if r.linear == nil {
		return "", false
	}
	return r.linear.LiteralPrefix()
}

// Match tells whether the pattern is found in a text.
func (r *Regexp) Match(text []byte) bool {
	if r.linear != nil {
		return r.linear.Match(text)
	}
	return r.walkFrom(text, 0) != nil
}

// Find is the first match: pairs of offsets, of the whole and of each group, -1 where a group took no part.
func (r *Regexp) Find(text []byte) []int {
	if r.linear != nil {
		return r.linear.FindSubmatchIndex(text)
	}
	return r.walkFrom(text, 0)
}

// FindAll is every match from left to right, at most most (-1: all). An empty one right behind another does not count.
func (r *Regexp) FindAll(text []byte, most int) [][]int {
	if r.linear != nil {
		return r.linear.FindAllSubmatchIndex(text, most)
	}
	var all [][]int
	last := -1
	for at := 0; at <= len(text) && (most < 0 || len(all) < most); {
		m := r.walkFrom(text, at)
		if m == nil {
			return all
		}
		if m[1] > m[0] || m[0] != last {
			all = append(all, m)
		}
		last = m[1]
		if at = m[1]; m[1] == m[0] {
			_, size := utf8.DecodeRune(text[min(at, len(text)):])
			at += max(size, 1)
		}
	}
	return all
}

// Err is not nil after a match was given up; what was found until then is not to be believed.
func (r *Regexp) Err() error { return r.err }

// emit writes a node in Go's syntax.
func emit(out *strings.Builder, n *node) {
	switch n.kind {
	case isRune:
		emitRune(out, n)
	case isAny:
		out.WriteByte('.')
	case isSet:
		emitSet(out, n)
	case isBegin:
		out.WriteByte('^')
	case isEnd:
		out.WriteByte('$')
	case isTextBegin:
		out.WriteString(`\A`)
	case isTextEnd:
		out.WriteString(`\z`)
	case isWordEdge, isWordBegin, isWordEnd:
		out.WriteString(`\b`)
	case isNoWordEdge:
		out.WriteString(`\B`)
	case isGroup:
		out.WriteByte('(')
		if n.number == 0 {
			out.WriteString("?:")
		}
		emit(out, n.parts[0])
		out.WriteByte(')')
	case isConcat:
		for _, part := range n.parts {
			emit(out, part)
		}
	case isAlternate:
		out.WriteString("(?:")
		for i, part := range n.parts {
			if i > 0 {
				out.WriteByte('|')
			}
			emit(out, part)
		}
		out.WriteByte(')')
	case isRepeat:
		emitRepeat(out, n)
	}
}

func emitRune(out *strings.Builder, n *node) {
	text := regexp.QuoteMeta(string(n.r))
	if n.fold {
		text = "(?i:" + text + ")"
	}
	out.WriteString(text)
}

func emitRepeat(out *strings.Builder, n *node) {
	out.WriteString("(?:")
	emit(out, n.parts[0])
	out.WriteByte(')')
	switch {
	case n.least == 0 && n.most < 0:
		out.WriteByte('*')
	case n.least == 1 && n.most < 0:
		out.WriteByte('+')
	case n.least == 0 && n.most == 1:
		out.WriteByte('?')
	case n.most < 0:
		fmt.Fprintf(out, "{%d,}", n.least)
	case n.least == n.most:
		fmt.Fprintf(out, "{%d}", n.least)
	default:
		fmt.Fprintf(out, "{%d,%d}", n.least, n.most)
	}
	if n.lazy {
		out.WriteByte('?')
	}
}

func emitSet(out *strings.Builder, n *node) {
	if n.fold {
		out.WriteString("(?i:")
	}
	out.WriteByte('[')
	if n.set.negated {
		out.WriteByte('^')
	}
	for i := 0; i+1 < len(n.set.ranges); i += 2 {
		fmt.Fprintf(out, `\x{%x}-\x{%x}`, n.set.ranges[i], n.set.ranges[i+1])
	}
	out.WriteByte(']')
	if n.fold {
		out.WriteByte(')')
	}
}
