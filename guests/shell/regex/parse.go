// Package regex reads the patterns of grep, sed, expr and nl: POSIX basic and extended ones with GNU's additions, and the
// common part of Perl's. What Go's linear-time engine can do is given to it; back-references and look-around are walked by
// a backtracking matcher with a limit on its steps (walk.go).
package regex

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Flavour is the language of a pattern.
type Flavour int

const (
	Basic Flavour = iota
	Extended
	Perl
	Fixed
)

type kind int

const (
	isEmpty kind = iota
	isRune
	isAny
	isSet
	isBegin      // ^
	isEnd        // $
	isTextBegin  // \`
	isTextEnd    // \'
	isWordEdge   // \b
	isNoWordEdge // \B
	isWordBegin  // \<
	isWordEnd    // \>
	isGroup
	isConcat
	isAlternate
	isRepeat
	isBackReference
	isLook // look-ahead, look-behind
	isKeep // \K
)

type node struct {
	kind     kind
	r        rune
	set      *set
	parts    []*node
	least    int
	most     int // -1: no end
	lazy     bool
	number   int // of a group (0: it does not capture) or a back-reference
	behind   bool
	negative bool
	fold     bool
}

type set struct {
	ranges  []rune // pairs, both ends included
	negated bool
}

func (s *set) add(from, to rune) { s.ranges = append(s.ranges, from, to) }

const (
	depthMax  = 200
	repeatMax = 1000
	sizeMax   = 64 << 10
)

type parser struct {
	text    string
	at      int
	flavour Flavour
	depth   int
	groups  int
	fold    bool
	needs   bool // back-references or look-around: Go's engine cannot
}

var errBracket = errors.New("unmatched [, [^, [:, [., or [=")

func (p *parser) more() bool { return p.at < len(p.text) }

func (p *parser) next() rune {
	r, size := utf8.DecodeRuneInString(p.text[p.at:])
	if r == utf8.RuneError && size == 1 {
		r = rune(p.text[p.at]) // a stray byte stands for itself
	}
	p.at += size
	return r
}

func (p *parser) sees(s string) bool { return strings.HasPrefix(p.text[p.at:], s) }

func (p *parser) takes(s string) bool {
	if p.sees(s) {
		p.at += len(s)
		return true
	}
	return false
}

// The three signs that basic patterns write with a backslash.
func (p *parser) sign(s string) string {
	if p.flavour == Basic {
		return `\` + s
	}
	return s
}

func (p *parser) alternation() (*node, error) {
	if p.depth++; p.depth > depthMax {
		return nil, errors.New("the pattern is nested too deep")
	}
	defer func() { p.depth-- }()
	outerFold := p.fold
	defer func() { p.fold = outerFold }()
	var arms []*node
	for {
		arm, err := p.concatenation()
		if err != nil {
			return nil, err
		}
		arms = append(arms, arm)
		if !p.takes(p.sign("|")) && !(p.flavour == Basic && p.takes("\n")) {
			break
		}
	}
	if len(arms) == 1 {
		return arms[0], nil
	}
	return &node{kind: isAlternate, parts: arms}, nil
}

func (p *parser) armEnds() bool {
	return !p.more() || p.sees(p.sign("|")) || p.sees(p.sign(")")) && (p.flavour == Basic || p.depth > 1) ||
		p.flavour == Basic && p.sees("\n")
}

func (p *parser) concatenation() (*node, error) {
	all := &node{kind: isConcat}
	for !p.armEnds() {
		first := len(all.parts) == 0
		atom, err := p.atom(first)
		if err != nil {
			return nil, err
		}
		if atom == nil {
			continue
		}
		if atom, err = p.repeats(atom, first); err != nil {
			return nil, err
		}
		all.parts = append(all.parts, atom)
	}
	return all, nil
}

// repeats takes the quantifiers behind an atom.
func (p *parser) repeats(atom *node, first bool) (*node, error) {
	for p.more() {
		least, most, ok := 0, -1, false
		switch {
		case p.flavour == Basic && first && atom.kind == isBegin:
			return atom, nil // ^* : the star is plain
		case p.takes("*"):
			ok = true
		case p.takes(p.sign("+")):
			least, ok = 1, true
		case p.takes(p.sign("?")):
			most, ok = 1, true
		case p.sees(p.sign("{")):
			var err error
			if least, most, ok, err = p.interval(); err != nil {
				return nil, err
			}
		}
		if !ok {
			return atom, nil
		}
		atom = &node{kind: isRepeat, parts: []*node{atom}, least: least, most: most}
		if p.flavour == Perl {
			if p.takes("?") {
				atom.lazy = true
			} else if p.takes("+") {
				return nil, errors.New("possessive quantifiers are not supported")
			}
		}
	}
	return atom, nil
}

func (p *parser) interval() (least, most int, ok bool, err error) {
	start := p.at
	p.takes(p.sign("{"))
	end := strings.Index(p.text[p.at:], p.sign("}"))
	if end < 0 {
		if p.flavour == Basic {
			return 0, 0, false, errors.New(`unmatched \{`)
		}
		p.at = start
		return 0, 0, false, nil
	}
	from, to, isRange := strings.Cut(p.text[p.at:p.at+end], ",")
	most = -1
	valid := from != "" || isRange
	if from != "" {
		if least, err = strconv.Atoi(from); err != nil {
			valid = false
		}
	}
	if !isRange {
		most = least
	} else if to != "" {
		if most, err = strconv.Atoi(to); err != nil {
			valid = false
		}
	}
	if !valid {
		if p.flavour != Basic {
			p.at = start
			return 0, 0, false, nil
		}
		return 0, 0, false, errors.New(`invalid content of \{\}`)
	}
	if least < 0 || most >= 0 && least > most {
		return 0, 0, false, errors.New(`invalid content of \{\}`)
	}
	if least > repeatMax || most > repeatMax {
		return 0, 0, false, fmt.Errorf("a repetition of more than %d", repeatMax)
	}
	p.at += end + len(p.sign("}"))
	return least, most, true, nil
}

func (p *parser) atom(first bool) (*node, error) {
	switch {
	case p.takes(p.sign("(")):
		return p.group()
	case p.takes("["):
		return p.bracket()
	case p.takes("."):
		return &node{kind: isAny}, nil
	case p.sees("^") && (p.flavour != Basic || first):
		p.at++
		return &node{kind: isBegin}, nil
	case p.takes("$"):
		if p.flavour == Basic && !p.armEnds() {
			return p.rune('$'), nil
		}
		return &node{kind: isEnd}, nil
	case p.flavour != Basic && first && (p.sees("*") || p.flavour == Extended && (p.sees("+") || p.sees("?"))):
		if p.flavour == Perl {
			return nil, errors.New("quantifier does not follow a repeatable item")
		}
		p.at++ // GNU: nothing to repeat
		return &node{kind: isEmpty}, nil
	case p.takes(`\`):
		return p.escape()
	}
	return p.rune(p.next()), nil
}

func (p *parser) rune(r rune) *node { return &node{kind: isRune, r: r, fold: p.fold} }

func (p *parser) group() (*node, error) {
	n := &node{kind: isGroup}
	capture := true
	outer := p.fold
	if p.flavour == Perl && p.takes("?") {
		capture = false
		switch {
		case p.takes(":"):
		case p.takes("="):
			n = &node{kind: isLook}
		case p.takes("!"):
			n = &node{kind: isLook, negative: true}
		case p.takes("<="):
			n = &node{kind: isLook, behind: true}
		case p.takes("<!"):
			n = &node{kind: isLook, behind: true, negative: true}
		case p.takes("P<"), p.takes("<"):
			end := strings.IndexByte(p.text[p.at:], '>')
			if end < 0 {
				return nil, errors.New("a group's name has no end")
			}
			p.at += end + 1
			capture = true
		case p.takes("i)"):
			p.fold = true
			return nil, nil
		case p.takes("i:"):
			p.fold = true
		default:
			return nil, errors.New("this form of (?...) is not supported")
		}
	}
	if capture {
		p.groups++
		n.number = p.groups
	}
	inner, err := p.alternation()
	if err != nil {
		return nil, err
	}
	p.fold = outer
	if !p.takes(p.sign(")")) {
		return nil, errors.New("unmatched ( or \\(")
	}
	p.needs = p.needs || n.kind == isLook
	n.parts = []*node{inner}
	return n, nil
}

func wordSet(negated bool) *set {
	return &set{[]rune{'0', '9', 'A', 'Z', '_', '_', 'a', 'z'}, negated}
}

func spaceSet(negated bool) *set { return &set{[]rune{'\t', '\r', ' ', ' '}, negated} }

func digitSet(negated bool) *set { return &set{[]rune{'0', '9'}, negated} }

func (p *parser) escape() (*node, error) {
	if !p.more() {
		return nil, errors.New("trailing backslash")
	}
	r := p.next()
	switch r {
	case 'w', 'W':
		return &node{kind: isSet, set: wordSet(r == 'W')}, nil
	case 's', 'S':
		return &node{kind: isSet, set: spaceSet(r == 'S')}, nil
	case 'b':
		return &node{kind: isWordEdge}, nil
	case 'B':
		return &node{kind: isNoWordEdge}, nil
	case '<':
		return &node{kind: isWordBegin}, nil
	case '>':
		return &node{kind: isWordEnd}, nil
	case '`':
		return &node{kind: isTextBegin}, nil
	case '\'':
		return &node{kind: isTextEnd}, nil
	case 'n':
		return p.rune('\n'), nil
	case 't':
		return p.rune('\t'), nil
	case 'r':
		return p.rune('\r'), nil
	case 'f':
		return p.rune('\f'), nil
	case 'v':
		return p.rune('\v'), nil
	case '1', '2', '3', '4', '5', '6', '7', '8', '9':
		number := int(r - '0')
		if number > p.groups {
			return nil, errors.New("invalid back reference")
		}
		p.needs = true
		return &node{kind: isBackReference, number: number, fold: p.fold}, nil
	}
	if p.flavour == Perl {
		return p.perlEscape(r)
	}
	if r == 'x' {
		if n, err := strconv.ParseUint(p.text[p.at:min(p.at+2, len(p.text))], 16, 8); err == nil && p.at+2 <= len(p.text) {
			p.at += 2
			return p.rune(rune(n)), nil
		}
	}
	return p.rune(r), nil
}

func (p *parser) perlEscape(r rune) (*node, error) {
	switch r {
	case 'd', 'D':
		return &node{kind: isSet, set: digitSet(r == 'D')}, nil
	case 'h':
		return &node{kind: isSet, set: &set{ranges: []rune{'\t', '\t', ' ', ' '}}}, nil
	case 'A':
		return &node{kind: isTextBegin}, nil
	case 'z', 'Z':
		return &node{kind: isTextEnd}, nil
	case 'K':
		p.needs = true
		return &node{kind: isKeep}, nil
	case 'x':
		digits := p.text[p.at:min(p.at+2, len(p.text))]
		if p.takes("{") {
			end := strings.IndexByte(p.text[p.at:], '}')
			if end < 0 {
				return nil, errors.New(`\x{ has no end`)
			}
			digits = p.text[p.at : p.at+end]
			p.at++
		}
		n, err := strconv.ParseUint(digits, 16, 21)
		if err != nil {
			return nil, errors.New(`\x wants hexadecimal digits`)
		}
		p.at += len(digits)
		return p.rune(rune(n)), nil
	}
	if r < utf8.RuneSelf && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9') {
		return nil, fmt.Errorf(`\%c is not supported`, r)
	}
	return p.rune(r), nil
}

// --- brackets ---

var classes = map[string][]rune{
	"alpha": {'A', 'Z', 'a', 'z'}, "digit": {'0', '9'}, "alnum": {'0', '9', 'A', 'Z', 'a', 'z'}, "upper": {'A', 'Z'},
	"lower": {'a', 'z'}, "space": {'\t', '\r', ' ', ' '}, "blank": {'\t', '\t', ' ', ' '}, "punct": {'!', '/', ':', '@', '[', '`', '{', '~'},
	"print": {' ', '~'}, "graph": {'!', '~'}, "cntrl": {0, 31, 127, 127}, "xdigit": {'0', '9', 'A', 'F', 'a', 'f'},
}

func (p *parser) bracket() (*node, error) {
	s := &set{}
	s.negated = p.takes("^")
	for first := true; ; first = false {
		if !p.more() {
			return nil, errBracket
		}
		if p.sees("]") && !first {
			p.at++
			return &node{kind: isSet, set: s, fold: p.fold}, nil
		}
		if err := p.bracketItem(s); err != nil {
			return nil, err
		}
	}
}

func (p *parser) bracketItem(s *set) error {
	if p.takes("[:") {
		end := strings.Index(p.text[p.at:], ":]")
		if end < 0 {
			return errBracket
		}
		ranges, ok := classes[p.text[p.at:p.at+end]]
		if !ok {
			return errors.New("invalid character class")
		}
		p.at += end + 2
		s.ranges = append(s.ranges, ranges...)
		return nil
	}
	if p.flavour == Perl && p.sees(`\`) {
		if known, err := p.perlBracketEscape(s); known || err != nil {
			return err
		}
	}
	from, err := p.bracketRune()
	if err != nil {
		return err
	}
	to := from
	if p.sees("-") && !p.sees("-]") && len(p.text) > p.at+1 {
		p.at++
		if to, err = p.bracketRune(); err != nil {
			return err
		}
		if to < from {
			return errors.New("invalid range end")
		}
	}
	s.add(from, to)
	return nil
}

func (p *parser) perlBracketEscape(s *set) (bool, error) {
	if p.at+1 >= len(p.text) {
		return false, errBracket
	}
	var known *set
	switch p.text[p.at+1] {
	case 'w':
		known = wordSet(false)
	case 's':
		known = spaceSet(false)
	case 'd':
		known = digitSet(false)
	case 'W', 'S', 'D':
		return false, errors.New(`\W, \S and \D within [...] are not supported`)
	default:
		return false, nil
	}
	p.at += 2
	s.ranges = append(s.ranges, known.ranges...)
	return true, nil
}

func (p *parser) bracketRune() (rune, error) {
	for _, form := range []string{"[.", "[="} {
		if p.takes(form) {
			end := strings.Index(p.text[p.at:], form[1:]+"]")
			if end < 1 {
				return 0, errBracket
			}
			r := p.next()
			if !p.takes(form[1:] + "]") {
				return 0, errors.New("invalid collation character")
			}
			return r, nil
		}
	}
	if !p.more() {
		return 0, errBracket
	}
	r := p.next()
	if r != '\\' || !p.more() {
		return r, nil
	}
	// Within brackets a backslash is itself; sed and Perl read \n, \t and \] otherwise.
	switch p.text[p.at] {
	case 'n':
		p.at++
		return '\n', nil
	case 't':
		p.at++
		return '\t', nil
	}
	if p.flavour == Perl {
		return p.next(), nil
	}
	return r, nil
}
