package regex

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// The backtracking matcher, for what a linear engine cannot do. It takes the first match in the order of the pattern (as
// Perl does), not the longest. Its steps and its depth are bounded, whatever pattern and input are.

const (
	stepsMax = 5_000_000
	deepMax  = 400_000
)

type walker struct {
	r     *Regexp
	text  []byte
	marks []int // offsets of the groups, pairs
	keep  int   // where \K was passed, or -1
	deep  int
}

type rest func(at int) bool

// walkFrom is the first match that starts at or after an offset.
func (r *Regexp) walkFrom(text []byte, from int) []int {
	r.steps = 0
	for at := from; at <= len(text); at++ {
		if at > from && at < len(text) && !utf8.RuneStart(text[at]) {
			continue
		}
		w := &walker{r: r, text: text, marks: make([]int, 2*(r.groups+1)), keep: -1}
		for i := range w.marks {
			w.marks[i] = -1
		}
		end := -1
		if w.walk(r.root, at, func(to int) bool { end = to; return true }) {
			w.marks[0], w.marks[1] = at, end
			if w.keep >= 0 {
				w.marks[0] = w.keep
			}
			return w.marks
		}
		if r.err != nil {
			return nil
		}
	}
	return nil
}

func (w *walker) walk(n *node, at int, then rest) bool {
	w.deep++
	defer func() { w.deep-- }()
	if w.r.steps++; w.r.steps > stepsMax || w.deep > deepMax {
		w.r.err = ErrSteps
	}
	if w.r.err != nil {
		return false
	}
	switch n.kind {
	case isEmpty:
		return then(at)
	case isRune, isAny, isSet:
		if at >= len(w.text) {
			return false
		}
		got, size := utf8.DecodeRune(w.text[at:])
		return n.takes(got) && then(at+size)
	case isGroup:
		return w.group(n, at, then)
	case isConcat:
		return w.sequence(n.parts, at, then)
	case isAlternate:
		for _, arm := range n.parts {
			if w.walk(arm, at, then) {
				return true
			}
		}
		return false
	case isRepeat:
		return w.repeat(n, 0, at, -1, then)
	case isBackReference:
		return w.again(n, at, then)
	case isLook:
		return w.look(n, at) != n.negative && then(at)
	case isKeep:
		old := w.keep
		w.keep = at
		if then(at) {
			return true
		}
		w.keep = old
		return false
	}
	return w.stands(n.kind, at) && then(at)
}

func (n *node) takes(got rune) bool {
	if n.kind == isAny {
		return true
	}
	if n.kind == isSet {
		in := n.set.has(got)
		if n.fold && !in {
			in = n.set.has(unicode.ToLower(got)) || n.set.has(unicode.ToUpper(got))
		}
		return in != n.set.negated
	}
	return got == n.r || n.fold && unicode.ToLower(got) == unicode.ToLower(n.r)
}

func (s *set) has(r rune) bool {
	for i := 0; i+1 < len(s.ranges); i += 2 {
		if r >= s.ranges[i] && r <= s.ranges[i+1] {
			return true
		}
	}
	return false
}

func isWord(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z'
}

// stands tells whether a place is what a sign without width asks for.
func (w *walker) stands(k kind, at int) bool {
	before := at > 0 && isWord(w.text[at-1])
	after := at < len(w.text) && isWord(w.text[at])
	switch k {
	case isBegin:
		return at == 0 || w.r.lines && w.text[at-1] == '\n'
	case isEnd:
		return at == len(w.text) || w.r.lines && w.text[at] == '\n'
	case isTextBegin:
		return at == 0
	case isTextEnd:
		return at == len(w.text)
	case isWordEdge:
		return before != after
	case isNoWordEdge:
		return before == after
	case isWordBegin:
		return !before && after
	case isWordEnd:
		return before && !after
	}
	return false
}

func (w *walker) group(n *node, at int, then rest) bool {
	if n.number == 0 {
		return w.walk(n.parts[0], at, then)
	}
	i := 2 * n.number
	from, to := w.marks[i], w.marks[i+1]
	if w.walk(n.parts[0], at, func(end int) bool {
		oldFrom, oldTo := w.marks[i], w.marks[i+1]
		w.marks[i], w.marks[i+1] = at, end
		if then(end) {
			return true
		}
		w.marks[i], w.marks[i+1] = oldFrom, oldTo
		return false
	}) {
		return true
	}
	w.marks[i], w.marks[i+1] = from, to
	return false
}

func (w *walker) sequence(parts []*node, at int, then rest) bool {
	if len(parts) == 0 {
		return then(at)
	}
	if len(parts) == 1 {
		return w.walk(parts[0], at, then)
	}
	return w.walk(parts[0], at, func(to int) bool { return w.sequence(parts[1:], to, then) })
}

// repeat: a turn that took nothing is not taken again.
func (w *walker) repeat(n *node, done, at, before int, then rest) bool {
	again := func() bool {
		if n.most >= 0 && done >= n.most || at == before {
			return false
		}
		return w.walk(n.parts[0], at, func(to int) bool { return w.repeat(n, done+1, to, at, then) })
	}
	if done < n.least {
		if at == before {
			return then(at) // the rest of the turns would be as empty
		}
		return again()
	}
	if n.lazy {
		return then(at) || again()
	}
	return again() || then(at)
}

func (w *walker) again(n *node, at int, then rest) bool {
	from, to := w.marks[2*n.number], w.marks[2*n.number+1]
	if from < 0 || at+to-from > len(w.text) {
		return false
	}
	was, is := w.text[from:to], w.text[at:at+to-from]
	if !bytes.Equal(was, is) && !(n.fold && bytes.EqualFold(was, is)) {
		return false
	}
	return then(at + to - from)
}

func (w *walker) look(n *node, at int) bool {
	if !n.behind {
		return w.walk(n.parts[0], at, func(int) bool { return true })
	}
	for from := at; from >= 0; from-- {
		if w.walk(n.parts[0], from, func(to int) bool { return to == at }) {
			return true
		}
	}
	return false
}
