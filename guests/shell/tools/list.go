package tools

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"sort"
	"strconv"
	"strings"
	"time"
)

// ls, stat, du. WASI keeps no permissions and no owners: modes are shown as rwxr-xr-x and rw-r--r--, owner and group as
// the names that whoami and id give.

const ownerName = "agent"

type listing struct {
	c                                                        *Call
	long, all, almost, one, human, bySize, byTime, byExt     bool
	unsorted, reverse, recursive, folderItself, inode, slash bool
	classify, versions, noGroup                              bool
	headers, first                                           bool
}

type fileRow struct {
	name, path string
	info       fs.FileInfo
}

func ls(c *Call) int {
	given, operands := c.options(spec{letters: "1AaCdFghilmnopRrSstUXvkLHQNqGx", bad: 2, long: map[string]rune{"all": 'a', "almost-all": 'A',
		"directory": 'd', "classify": 'F', "human-readable": 'h', "inode": 'i', "recursive": 'R', "reverse": 'r', "color": '§',
		"group-directories-first": 'N', "size": 's', "full-time": 'l', "sort": '§', "time-style": '§'}, optional: "§"})
	l := &listing{c: c, long: has(given, "lgno"), all: has(given, "a"), almost: has(given, "A"), human: has(given, "h"), bySize: has(given, "S"),
		byTime: has(given, "t"), byExt: has(given, "X"), unsorted: has(given, "U"), reverse: has(given, "r"), recursive: has(given, "R"),
		folderItself: has(given, "d"), inode: has(given, "i"), slash: has(given, "p"), classify: has(given, "F"), versions: has(given, "v"), first: true}
	if len(operands) == 0 {
		operands = []string{"."}
	}
	var files, folders []fileRow
	for _, name := range operands {
		info, err := Stat(c.path(name), !l.long)
		if err != nil {
			info, err = Stat(c.path(name), false)
		}
		if err != nil {
			c.warnAs(2, "cannot access '%s': %s", name, reason(err))
			continue
		}
		row := fileRow{name, c.path(name), info}
		if info.IsDir() && !l.folderItself {
			folders = append(folders, row)
		} else {
			files = append(files, row)
		}
	}
	l.headers = len(operands) > 1 || l.recursive
	l.rows(files, false)
	l.sort(folders)
	for _, folder := range folders {
		l.folder(folder, 0)
	}
	return 0
}

func (l *listing) folder(at fileRow, depth int) {
	l.c.look()
	entries, err := os.ReadDir(at.path)
	if err != nil {
		l.c.warnAs(2, "cannot open directory '%s': %s", at.name, reason(err))
		return
	}
	if l.headers {
		if !l.first {
			l.c.Out.byte('\n')
		}
		l.c.Out.line(at.name + ":")
	}
	l.first = false
	var rows []fileRow
	if l.all {
		for _, name := range []string{".", ".."} {
			if info, err := Stat(path.Join(at.path, name), false); err == nil {
				rows = append(rows, fileRow{name, path.Join(at.path, name), info})
			}
		}
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") && !l.all && !l.almost {
			continue
		}
		info, err := entry.Info()
		if err != nil {
			continue // it went in between
		}
		rows = append(rows, fileRow{entry.Name(), path.Join(at.path, entry.Name()), info})
	}
	l.rows(rows, true)
	if l.recursive && depth < 200 {
		for _, row := range rows {
			if row.info.IsDir() && row.name != "." && row.name != ".." {
				l.folder(fileRow{strings.TrimSuffix(at.name, "/") + "/" + row.name, row.path, row.info}, depth+1)
			}
		}
	}
}

func (l *listing) sort(rows []fileRow) {
	if l.unsorted {
		return
	}
	sort.SliceStable(rows, func(i, j int) bool {
		a, b := rows[i], rows[j]
		if l.reverse {
			a, b = b, a
		}
		switch {
		case l.bySize && a.info.Size() != b.info.Size():
			return a.info.Size() > b.info.Size()
		case l.byTime && !a.info.ModTime().Equal(b.info.ModTime()):
			return a.info.ModTime().After(b.info.ModTime())
		case l.byExt && path.Ext(a.name) != path.Ext(b.name):
			return path.Ext(a.name) < path.Ext(b.name)
		case l.versions:
			return compareVersion(a.name, b.name) < 0
		}
		return a.name < b.name
	})
}

type lsWidths struct{ links, size int }

func (l *listing) rows(rows []fileRow, ofFolder bool) {
	l.sort(rows)
	w := lsWidths{1, 1}
	blocks := int64(0)
	for _, row := range rows {
		w.size = max(w.size, len(l.size(row.info.Size())))
		blocks += (row.info.Size() + 1023) / 1024
	}
	if l.long && ofFolder {
		l.c.Out.printf("total %d\n", blocks)
	}
	for _, row := range rows {
		l.row(row, w)
		l.first = false
	}
}

func (l *listing) size(n int64) string {
	if l.human {
		return humanSize(n)
	}
	return strconv.FormatInt(n, 10)
}

func humanSize(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10)
	}
	value, unit := float64(n), 0
	for value >= 1024 && unit < 5 {
		value /= 1024
		unit++
	}
	if value < 9.95 {
		tenths := int64(value * 10)
		if float64(tenths) < value*10 {
			tenths++
		}
		return fmt.Sprintf("%d.%d%c", tenths/10, tenths%10, "BKMGTP"[unit])
	}
	whole := int64(value)
	if float64(whole) < value {
		whole++
	}
	return fmt.Sprintf("%d%c", whole, "BKMGTP"[unit])
}

func modeText(mode fs.FileMode) string {
	switch kindLetter(mode) {
	case 'd':
		return "drwxr-xr-x"
	case 'l':
		return "lrwxrwxrwx"
	case 'c':
		return "crw-rw-rw-"
	case 'p':
		return "prw-------"
	}
	return "-rw-r--r--"
}

func (l *listing) row(row fileRow, w lsWidths) {
	out := l.c.Out
	if l.inode {
		out.printf("%d ", inodeOf(row.info))
	}
	if l.long {
		at := row.info.ModTime().UTC()
		layout := "Jan _2 15:04"
		if age := time.Since(at); age > 182*24*time.Hour || age < -time.Hour {
			layout = "Jan _2  2006"
		}
		out.printf("%s %*d %s %s %*s %s ", modeText(row.info.Mode()), w.links, 1, ownerName, ownerName, w.size, l.size(row.info.Size()), at.Format(layout))
	}
	out.text(row.name)
	mode := row.info.Mode()
	switch {
	case mode.IsDir() && (l.classify || l.slash):
		out.byte('/')
	case mode&fs.ModeSymlink != 0 && l.classify && !l.long:
		out.byte('@')
	}
	if mode&fs.ModeSymlink != 0 && l.long {
		to, _ := os.Readlink(row.path)
		out.text(" -> " + to)
	}
	out.byte('\n')
}

// --- stat ---

func stat(c *Call) int {
	given, operands := c.options(spec{letters: "Lc:tfP:", long: map[string]rune{"dereference": 'L', "format": 'c', "printf": 'P'}})
	if len(operands) == 0 {
		c.usage(spec{}, "missing operand")
	}
	format, own := last(given, 'c')
	end := "\n"
	if text, ok := last(given, 'P'); ok {
		format, own, end = awkUnescape(text), true, ""
	}
	if !own {
		format = "  File: %N\n  Size: %-10s\t%F\nModify: %y"
	}
	for _, name := range operands {
		info, err := Stat(c.path(name), has(given, "L"))
		if err != nil {
			c.warn("cannot statx '%s': %s", name, reason(err))
			continue
		}
		c.Out.text(c.statFormat(format, name, info) + end)
	}
	return 0
}

func (c *Call) statFormat(format, name string, info fs.FileInfo) string {
	var out strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			out.WriteByte(format[i])
			continue
		}
		start := i
		for i++; i < len(format)-1 && strings.IndexByte("-0123456789.", format[i]) >= 0; i++ {
		}
		value := c.statField(format[i], name, info)
		if value == "" {
			value = format[start : i+1]
		}
		out.WriteString(fmt.Sprintf("%"+format[start+1:i]+"s", value))
	}
	return out.String()
}

func (c *Call) statField(letter byte, name string, info fs.FileInfo) string {
	at := info.ModTime().UTC()
	switch letter {
	case 'n':
		return name
	case 'N':
		if info.Mode()&fs.ModeSymlink != 0 {
			to, _ := os.Readlink(c.path(name))
			return "'" + name + "' -> '" + to + "'"
		}
		return name
	case 's':
		return strconv.FormatInt(info.Size(), 10)
	case 'b':
		return strconv.FormatInt((info.Size()+511)/512, 10)
	case 'B':
		return "512"
	case 'F':
		switch kindLetter(info.Mode()) {
		case 'd':
			return "directory"
		case 'l':
			return "symbolic link"
		case 'c':
			return "character special file"
		case 'p':
			return "fifo"
		}
		if info.Size() == 0 {
			return "regular empty file"
		}
		return "regular file"
	case 'a':
		return map[byte]string{'d': "755", 'l': "777"}[byte(kindLetter(info.Mode()))] + map[bool]string{true: "644"}[info.Mode().IsRegular()]
	case 'A':
		return modeText(info.Mode())
	case 'U', 'G':
		return ownerName
	case 'u', 'g':
		return "1000"
	case 'i':
		return strconv.FormatUint(inodeOf(info), 10)
	case 'h':
		return "1"
	case 'Y', 'X', 'Z':
		return strconv.FormatInt(at.Unix(), 10)
	case 'y', 'x', 'z':
		return at.Format("2006-01-02 15:04:05.000000000 -0700")
	case '%':
		return "%"
	}
	return ""
}

// --- du: the sizes of the files, since WASI tells no blocks ---

func du(c *Call) int {
	given, operands := c.options(spec{letters: "abchkmsd:LPx", long: map[string]rune{"all": 'a', "bytes": 'b', "total": 'c',
		"human-readable": 'h', "summarize": 's', "max-depth": 'd', "apparent-size": 'A'}})
	depth := 1 << 30
	if text, ok := last(given, 'd'); ok {
		depth = int(c.number("maximum depth", text, 0, 1<<30))
	}
	if has(given, "s") {
		depth = 0
	}
	unit := int64(1024)
	if has(given, "b") {
		unit = 1
	} else if has(given, "m") {
		unit = 1 << 20
	}
	show := func(size int64, name string) {
		if has(given, "h") {
			c.Out.printf("%s\t%s\n", humanSize(size), name)
		} else {
			c.Out.printf("%d\t%s\n", (size+unit-1)/unit, name)
		}
	}
	var walk func(name string, level int) int64
	walk = func(name string, level int) int64 {
		c.look()
		info, err := Stat(c.path(name), false)
		if err != nil {
			c.warn("cannot access '%s': %s", name, reason(err))
			return 0
		}
		size := info.Size()
		if info.IsDir() && level < 200 {
			size = 0
			entries, err := os.ReadDir(c.path(name))
			if err != nil {
				c.warn("cannot read directory '%s': %s", name, reason(err))
			}
			for _, entry := range entries {
				size += walk(strings.TrimSuffix(name, "/")+"/"+entry.Name(), level+1)
			}
		}
		if level == 0 || level <= depth && (info.IsDir() || has(given, "a")) {
			show(size, name)
		}
		return size
	}
	if len(operands) == 0 {
		operands = []string{"."}
	}
	total := int64(0)
	for _, name := range operands {
		total += walk(name, 0)
	}
	if has(given, "c") {
		show(total, "total")
	}
	return 0
}
