package tools

import (
	"bytes"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
)

// diff: Myers' algorithm on lines, without the common ends; normal, unified and context output, and folders.

type diffing struct {
	c                                         *Call
	unified, context                          int // lines round a change; -1: not this form
	brief, recursive, newFile, same, asText   bool
	caseless, allSpace, spaceRuns, blankLines bool
	trailing, crlf                            bool
	labels                                    []string
	found                                     bool
	options                                   []string
}

func diff(c *Call) int {
	given, operands := c.options(spec{letters: "abBiNqrsTuwZU:C:cL:epy", bad: 2, long: map[string]rune{"unified": 'U', "context": 'C', "brief": 'q',
		"recursive": 'r', "new-file": 'N', "report-identical-files": 's', "text": 'a', "ignore-case": 'i', "ignore-all-space": 'w',
		"ignore-space-change": 'b', "ignore-blank-lines": 'B', "label": 'L', "strip-trailing-cr": 'R', "ignore-trailing-space": 'Z', "color": '§', "normal": 'p'},
		optional: "§"})
	d := &diffing{c: c, unified: -1, context: -1, brief: has(given, "q"), recursive: has(given, "r"), newFile: has(given, "N"), same: has(given, "s"),
		asText: has(given, "a"), caseless: has(given, "i"), allSpace: has(given, "w"), spaceRuns: has(given, "b"), blankLines: has(given, "B"),
		trailing: has(given, "Z"), crlf: has(given, "R")}
	for _, o := range given {
		switch o.letter {
		case 'u':
			d.unified = max(d.unified, 3)
		case 'U':
			d.unified = int(c.number("context length", o.value, 0, 1<<30))
		case 'c':
			d.context = max(d.context, 3)
		case 'C':
			d.context = int(c.number("context length", o.value, 0, 1<<30))
		case 'L':
			d.labels = append(d.labels, o.value)
		case 'e', 'y':
			c.fail(2, "the form -%c is not there", o.letter)
		}
	}
	if len(operands) != 2 {
		c.usage(spec{bad: 2}, "two files are wanted")
	}
	for _, word := range c.Args {
		if strings.HasPrefix(word, "-") && len(word) > 1 {
			d.options = append(d.options, word)
		}
	}
	a, b := operands[0], operands[1]
	aFolder, bFolder := c.isFolder(a), c.isFolder(b)
	switch {
	case aFolder && bFolder:
		d.folders(a, b, 0)
	case aFolder:
		d.files(a+"/"+baseOf(b), b, false)
	case bFolder:
		d.files(a, b+"/"+baseOf(a), false)
	default:
		d.files(a, b, false)
	}
	if c.status > 1 {
		return 2
	}
	if d.found {
		return 1
	}
	return 0
}

func baseOf(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

func (c *Call) isFolder(name string) bool {
	info, err := Stat(c.path(name), true)
	return name != "-" && err == nil && info.IsDir()
}

func (d *diffing) folders(a, b string, depth int) {
	c := d.c
	in := func(folder string) map[string]bool {
		entries, err := os.ReadDir(c.path(folder))
		if err != nil {
			c.warnAs(2, "%s: %s", folder, reason(err))
		}
		names := map[string]bool{}
		for _, entry := range entries {
			names[entry.Name()] = true
		}
		return names
	}
	left, right := in(a), in(b)
	var names []string
	for name := range left {
		names = append(names, name)
	}
	for name := range right {
		if !left[name] {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	for _, name := range names {
		c.look()
		x, y := strings.TrimSuffix(a, "/")+"/"+name, strings.TrimSuffix(b, "/")+"/"+name
		switch {
		case !(left[name] && right[name]) && !d.newFile:
			only := a
			if right[name] {
				only = b
			}
			c.Out.printf("Only in %s: %s\n", strings.TrimSuffix(only, "/"), name)
			d.found = true
		case c.isFolder(x) && (c.isFolder(y) || !right[name]) || c.isFolder(y) && !left[name]:
			if d.recursive && depth < 200 {
				d.folders(x, y, depth+1)
			} else if !d.recursive {
				c.Out.printf("Common subdirectories: %s and %s\n", x, y)
			}
		default:
			d.files(x, y, true)
		}
	}
}

func (d *diffing) read(name string) ([]byte, bool) {
	f, err := d.c.tryOpen(name)
	if err != nil {
		if d.newFile && os.IsNotExist(err) {
			return nil, true
		}
		d.c.warnAs(2, "%s: %s", name, reason(err))
		return nil, false
	}
	defer f.Close()
	return d.c.whole(name, f), true
}

func (d *diffing) files(a, b string, heading bool) {
	c := d.c
	x, okA := d.read(a)
	y, okB := d.read(b)
	if !okA || !okB {
		return
	}
	if bytes.Equal(x, y) {
		d.identical(a, b)
		return
	}
	if !d.asText && (bytes.IndexByte(x, 0) >= 0 || bytes.IndexByte(y, 0) >= 0) {
		d.found = true
		if d.brief {
			c.Out.printf("Files %s and %s differ\n", a, b)
		} else {
			c.Out.printf("Binary files %s and %s differ\n", a, b)
		}
		return
	}
	left, right := keepEnds(x), keepEnds(y)
	changes := d.changes(left, right)
	if len(changes) == 0 {
		d.identical(a, b)
		return
	}
	d.found = true
	if d.brief {
		c.Out.printf("Files %s and %s differ\n", a, b)
		return
	}
	if heading {
		words := append([]string{"diff"}, d.options...)
		c.Out.line(strings.Join(append(words, a, b), " "))
	}
	switch {
	case d.unified >= 0:
		d.headers("---", "+++", a, b)
		d.showUnified(left, right, changes)
	case d.context >= 0:
		d.headers("***", "---", a, b)
		d.showContext(left, right, changes)
	default:
		d.showNormal(left, right, changes)
	}
}

func (d *diffing) identical(a, b string) {
	if d.same {
		d.c.Out.printf("Files %s and %s are identical\n", a, b)
	}
}

func (d *diffing) headers(first, second, a, b string) {
	for i, name := range []string{a, b} {
		mark := []string{first, second}[i]
		if i < len(d.labels) {
			d.c.Out.printf("%s %s\n", mark, d.labels[i])
			continue
		}
		stamp := "1970-01-01 00:00:00.000000000 +0000"
		if info, err := Stat(d.c.path(name), true); err == nil && name != "-" {
			stamp = info.ModTime().UTC().Format("2006-01-02 15:04:05.000000000 -0700")
		}
		d.c.Out.printf("%s %s\t%s\n", mark, name, stamp)
	}
}

// keepEnds is the lines with their newlines: that the last has none is a difference.
func keepEnds(b []byte) (lines [][]byte) {
	for len(b) > 0 {
		n := bytes.IndexByte(b, '\n') + 1
		if n == 0 {
			n = len(b)
		}
		lines = append(lines, b[:n])
		b = b[n:]
	}
	return lines
}

func (d *diffing) key(line []byte) string {
	if d.crlf && bytes.HasSuffix(line, []byte("\r\n")) {
		line = append(bytes.Clone(line[:len(line)-2]), '\n')
	}
	if d.allSpace {
		line = []byte(strings.Join(strings.Fields(string(line)), ""))
	} else if d.spaceRuns {
		text := strings.TrimRight(string(line), " \t\r\n")
		lead := ""
		if text != "" && isBlank(text[0]) {
			lead = " "
		}
		line = []byte(lead + strings.Join(strings.Fields(text), " "))
	} else if d.trailing {
		line = bytes.TrimRight(line, " \t\r\n")
	}
	if d.caseless {
		line = bytes.ToLower(line)
	}
	return string(line)
}

// change: lines [a, aEnd) of the left became lines [b, bEnd) of the right.
type change struct{ a, aEnd, b, bEnd int }

func (d *diffing) changes(left, right [][]byte) []change {
	numbers := map[string]int{}
	number := func(lines [][]byte) []int {
		out := make([]int, len(lines))
		for i, line := range lines {
			key := d.key(line)
			n, ok := numbers[key]
			if !ok {
				n = len(numbers)
				numbers[key] = n
			}
			out[i] = n
		}
		return out
	}
	a, b := number(left), number(right)
	start := 0
	for start < len(a) && start < len(b) && a[start] == b[start] {
		start++
	}
	endA, endB := len(a), len(b)
	for endA > start && endB > start && a[endA-1] == b[endB-1] {
		endA--
		endB--
	}
	keepA, keepB := make([]bool, len(a)), make([]bool, len(b))
	for i := range start {
		keepA[i], keepB[i] = true, true
	}
	for i := endA; i < len(a); i++ {
		keepA[i] = true
	}
	for i := endB; i < len(b); i++ {
		keepB[i] = true
	}
	d.common(a[start:endA], b[start:endB], keepA[start:endA], keepB[start:endB])
	var out []change
	for i, j := 0, 0; i < len(a) || j < len(b); {
		if i < len(a) && j < len(b) && keepA[i] && keepB[j] {
			i++
			j++
			continue
		}
		k := change{i, i, j, j}
		for i < len(a) && !keepA[i] {
			i++
		}
		for j < len(b) && !keepB[j] {
			j++
		}
		k.aEnd, k.bEnd = i, j
		if !d.blankLines || !allBlank(left[k.a:k.aEnd]) || !allBlank(right[k.b:k.bEnd]) {
			out = append(out, k)
		}
	}
	return out
}

func allBlank(lines [][]byte) bool {
	for _, line := range lines {
		if len(bytes.TrimRight(line, "\r\n")) > 0 {
			return false
		}
	}
	return true
}

// diffCostMax bounds the search: past it the middle counts as changed, which is correct and only longer.
const diffCostMax = 4000

// common marks a longest common subsequence: Myers' greedy walk, with each round of it kept for the way back.
func (d *diffing) common(a, b []int, keepA, keepB []bool) {
	n, m := len(a), len(b)
	if n == 0 || m == 0 {
		return
	}
	most := min(n+m, diffCostMax)
	v := make([]int, 2*most+3)
	var rounds [][]int
	at := func(v []int, size, k int) int { return v[size+k] }
	for cost := 0; cost <= most; cost++ {
		if cost%64 == 0 {
			d.c.look()
		}
		for k := -cost; k <= cost; k += 2 {
			x := 0
			if k == -cost || k != cost && v[most+1+k-1] < v[most+1+k+1] {
				x = v[most+1+k+1]
			} else {
				x = v[most+1+k-1] + 1
			}
			y := x - k
			for x < n && y < m && x >= 0 && y >= 0 && a[x] == b[y] {
				x++
				y++
			}
			v[most+1+k] = x
			if x >= n && y >= m {
				d.back(a, b, rounds, cost, keepA, keepB)
				return
			}
		}
		round := make([]int, 2*cost+1)
		copy(round, v[most+1-cost:most+1+cost+1])
		rounds = append(rounds, round)
	}
	_ = at
}

func (d *diffing) back(a, b []int, rounds [][]int, cost int, keepA, keepB []bool) {
	x, y := len(a), len(b)
	for c := cost; c > 0; c-- {
		before := rounds[c-1]
		reach := func(k int) int {
			if k < -(c-1) || k > c-1 {
				return -1
			}
			return before[k+c-1]
		}
		k := x - y
		var fromX, fromY int
		if k == -c || k != c && reach(k-1) < reach(k+1) {
			fromX = reach(k + 1)
			fromY = fromX - (k + 1)
		} else {
			fromX = reach(k - 1)
			fromY = fromX - (k - 1)
		}
		for x > fromX && y > fromY && x > 0 && y > 0 && a[x-1] == b[y-1] {
			x--
			y--
			keepA[x], keepB[y] = true, true
		}
		x, y = fromX, fromY
	}
	for x > 0 && y > 0 {
		x--
		y--
		keepA[x], keepB[y] = true, true
	}
}

func (d *diffing) put(mark string, line []byte) {
	text, ended := chomp(line)
	d.c.Out.text(mark)
	d.c.Out.Write(text)
	d.c.Out.byte('\n')
	if !ended {
		d.c.Out.line(`\ No newline at end of file`)
	}
}

func normalRange(from, to int) string {
	if to-from == 1 {
		return strconv.Itoa(to)
	}
	if to == from {
		return strconv.Itoa(from)
	}
	return fmt.Sprintf("%d,%d", from+1, to)
}

func (d *diffing) showNormal(left, right [][]byte, changes []change) {
	for _, k := range changes {
		sign := "c"
		if k.a == k.aEnd {
			sign = "a"
		} else if k.b == k.bEnd {
			sign = "d"
		}
		d.c.Out.line(normalRange(k.a, k.aEnd) + sign + normalRange(k.b, k.bEnd))
		for _, line := range left[k.a:k.aEnd] {
			d.put("< ", line)
		}
		if sign == "c" {
			d.c.Out.line("---")
		}
		for _, line := range right[k.b:k.bEnd] {
			d.put("> ", line)
		}
	}
}

// hunks groups changes whose surroundings touch.
func hunks(changes []change, around int) (out [][]change) {
	for i, k := range changes {
		if i > 0 && k.a-changes[i-1].aEnd <= 2*around {
			out[len(out)-1] = append(out[len(out)-1], k)
		} else {
			out = append(out, []change{k})
		}
	}
	return out
}

func unifiedRange(from, to int) string {
	if to-from == 1 {
		return strconv.Itoa(from + 1)
	}
	if to == from {
		return fmt.Sprintf("%d,0", from)
	}
	return fmt.Sprintf("%d,%d", from+1, to-from)
}

func (d *diffing) showUnified(left, right [][]byte, changes []change) {
	for _, hunk := range hunks(changes, d.unified) {
		first, last := hunk[0], hunk[len(hunk)-1]
		lead := min(d.unified, first.a, first.b)
		tail := min(d.unified, len(left)-last.aEnd, len(right)-last.bEnd)
		d.c.Out.printf("@@ -%s +%s @@\n", unifiedRange(first.a-lead, last.aEnd+tail), unifiedRange(first.b-lead, last.bEnd+tail))
		at := first.a - lead
		for _, k := range hunk {
			for ; at < k.a; at++ {
				d.put(" ", left[at])
			}
			for _, line := range left[k.a:k.aEnd] {
				d.put("-", line)
			}
			for _, line := range right[k.b:k.bEnd] {
				d.put("+", line)
			}
			at = k.aEnd
		}
		for ; at < last.aEnd+tail; at++ {
			d.put(" ", left[at])
		}
	}
}

func (d *diffing) showContext(left, right [][]byte, changes []change) {
	rangeOf := func(from, to int) string {
		if to-from <= 1 {
			return strconv.Itoa(to)
		}
		return fmt.Sprintf("%d,%d", from+1, to)
	}
	for _, hunk := range hunks(changes, d.context) {
		first, last := hunk[0], hunk[len(hunk)-1]
		lead := min(d.context, first.a, first.b)
		tail := min(d.context, len(left)-last.aEnd, len(right)-last.bEnd)
		d.c.Out.line("***************")
		d.c.Out.printf("*** %s ****\n", rangeOf(first.a-lead, last.aEnd+tail))
		d.contextSide(left, hunk, first.a-lead, last.aEnd+tail, "- ", func(k change) (int, int, bool) { return k.a, k.aEnd, k.b != k.bEnd })
		d.c.Out.printf("--- %s ----\n", rangeOf(first.b-lead, last.bEnd+tail))
		d.contextSide(right, hunk, first.b-lead, last.bEnd+tail, "+ ", func(k change) (int, int, bool) { return k.b, k.bEnd, k.a != k.aEnd })
	}
}

func (d *diffing) contextSide(lines [][]byte, hunk []change, from, to int, mark string, side func(change) (int, int, bool)) {
	any := false
	for _, k := range hunk {
		start, end, _ := side(k)
		any = any || end > start
	}
	if !any {
		return
	}
	at := from
	for _, k := range hunk {
		start, end, other := side(k)
		for ; at < start; at++ {
			d.put("  ", lines[at])
		}
		sign := mark
		if other {
			sign = "! "
		}
		for ; at < end; at++ {
			d.put(sign, lines[at])
		}
	}
	for ; at < to; at++ {
		d.put("  ", lines[at])
	}
}
