package tools

import (
	"bytes"
	"strconv"
	"strings"
)

type joining struct {
	c            *Call
	separator    string
	fold         bool
	empty        string
	fields       [2]int
	form         []joinField
	unpaired     [2]bool
	onlyUnpaired bool
}

type joinField struct{ file, field int } // file 0: the join field

func join(c *Call) int {
	given, operands := c.options(spec{letters: "1:2:j:t:a:v:e:o:i", long: map[string]rune{"ignore-case": 'i', "check-order": 'Ħ', "nocheck-order": 'Ħ', "header": 'Ħ'}})
	j := &joining{c: c, fold: has(given, "i"), fields: [2]int{1, 1}}
	for _, o := range given {
		switch o.letter {
		case '1', '2':
			j.fields[o.letter-'1'] = int(c.number("field number", o.value, 1, 1<<30))
		case 'j':
			n := int(c.number("field number", o.value, 1, 1<<30))
			j.fields = [2]int{n, n}
		case 't':
			if j.separator = awkUnescape(o.value); len(j.separator) != 1 {
				c.fail(1, "multi-character tab '%s'", o.value)
			}
		case 'a', 'v':
			j.unpaired[c.number("file number", o.value, 1, 2)-1] = true
			j.onlyUnpaired = j.onlyUnpaired || o.letter == 'v'
		case 'e':
			j.empty = o.value
		case 'o':
			j.readForm(o.value)
		}
	}
	if len(operands) != 2 {
		c.usage(spec{}, "two files are wanted")
	}
	var rows [2][][]string
	for i := range 2 {
		for _, line := range c.allLines(operands[i:i+1], '\n') {
			rows[i] = append(rows[i], j.split(line))
		}
	}
	j.run(rows[0], rows[1])
	return 0
}

func (j *joining) readForm(text string) {
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		if part == "0" {
			j.form = append(j.form, joinField{})
			continue
		}
		file, field, ok := strings.Cut(part, ".")
		n, err := strconv.Atoi(field)
		if !ok || file != "1" && file != "2" || err != nil || n < 1 {
			j.c.fail(1, "invalid field specifier: '%s'", part)
		}
		j.form = append(j.form, joinField{int(file[0] - '0'), n})
	}
}

func (j *joining) split(line []byte) []string {
	if j.separator != "" {
		return strings.Split(string(line), j.separator)
	}
	return strings.Fields(string(bytes.TrimSpace(line)))
}

func (j *joining) key(row []string, side int) string {
	text := ""
	if n := j.fields[side]; n <= len(row) {
		text = row[n-1]
	}
	if j.fold {
		text = strings.ToLower(text)
	}
	return text
}

func (j *joining) run(a, b [][]string) {
	for len(a) > 0 || len(b) > 0 {
		j.c.look()
		switch {
		case len(b) == 0 || len(a) > 0 && j.key(a[0], 0) < j.key(b[0], 1):
			if j.unpaired[0] {
				j.put(a[0], nil)
			}
			a = a[1:]
		case len(a) == 0 || j.key(a[0], 0) > j.key(b[0], 1):
			if j.unpaired[1] {
				j.put(nil, b[0])
			}
			b = b[1:]
		default:
			key := j.key(a[0], 0)
			n, m := 0, 0
			for n < len(a) && j.key(a[n], 0) == key {
				n++
			}
			for m < len(b) && j.key(b[m], 1) == key {
				m++
			}
			for _, x := range a[:n] {
				for _, y := range b[:m] {
					if !j.onlyUnpaired {
						j.put(x, y)
					}
				}
			}
			a, b = a[n:], b[m:]
		}
	}
}

func (j *joining) put(a, b []string) {
	var cells []string
	get := func(row []string, n int) string {
		if n <= len(row) && row[n-1] != "" {
			return row[n-1]
		}
		return j.empty
	}
	keyOf := func() string {
		if a != nil {
			return get(a, j.fields[0])
		}
		return get(b, j.fields[1])
	}
	if j.form != nil {
		for _, f := range j.form {
			switch f.file {
			case 0:
				cells = append(cells, keyOf())
			case 1:
				cells = append(cells, get(a, f.field))
			default:
				cells = append(cells, get(b, f.field))
			}
		}
	} else {
		cells = append(cells, keyOf())
		for side, row := range [][]string{a, b} {
			for i := range row {
				if i+1 != j.fields[side] {
					cells = append(cells, row[i])
				}
			}
		}
	}
	between := j.separator
	if between == "" {
		between = " "
	}
	j.c.Out.line(strings.Join(cells, between))
}
