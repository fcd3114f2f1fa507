package tools

import "sort"

// Tool is one command. Usage is what --help says and what docs/shell.md lists.
type Tool struct {
	Name  string
	Run   func(*Call) int
	Usage string
}

// table is sorted by name: Find searches it, and a linker can lay it out without any work at the start.
var table []Tool

// helps tells whether --help is the tool's own; to some it is a word as any other.
func (t *Tool) helps() bool { return t.Name != "expr" && t.Name != "yes" && t.Name != "printf" }

// Find is the tool of a name, or nil.
func Find(name string) *Tool {
	i := sort.Search(len(table), func(i int) bool { return table[i].Name >= name })
	if i < len(table) && table[i].Name == name {
		return &table[i]
	}
	return nil
}

// help says how each command is called; docs/shell.md is held against it.
func help(c *Call) int {
	if len(c.Args) > 0 {
		for _, name := range c.Args {
			if t := Find(name); t != nil {
				c.Out.line(t.Usage)
			} else {
				c.warn("%s: no command of this shell that is not built in", name)
			}
		}
		return 0
	}
	for i := range table {
		c.Out.line(table[i].Usage)
	}
	return 0
}

func init() {
	table = []Tool{
		{"awk", awk, "awk [-F SEP] [-v VAR=VALUE] [-f FILE | PROGRAM] [FILE...]"},
		{"base64", base64Tool, "base64 [-di] [-w COLS] [FILE]"},
		{"basename", basename, "basename NAME [SUFFIX] | basename [-az] [-s SUFFIX] NAME..."},
		{"bash", shellTool, "bash [-euxo OPTION] [-c COMMAND | FILE | -s] [WORD...]"},
		{"cat", cat, "cat [-AbEensTtuv] [FILE...]"},
		{"chmod", chmod, "chmod [-Rvcf] MODE FILE...   (WASI keeps no permissions: it checks the words and changes nothing)"},
		{"cmp", cmp, "cmp [-bls] [-n BYTES] FILE1 [FILE2]"},
		{"comm", comm, "comm [-123] FILE1 FILE2"},
		{"cp", cp, "cp [-afinpPrRTuvL] [-t FOLDER] SOURCE... DEST"},
		{"cut", cut, "cut -b LIST | -c LIST | -f LIST [-d C] [-sz] [--complement] [--output-delimiter=S] [FILE...]"},
		{"date", date, "date [-uRI] [-d WHEN] [-r FILE] [+FORMAT]"},
		{"diff", diff, "diff [-abBiNqrsTuw] [-U N] [-c] [-C N] [--label L] [--strip-trailing-cr] FILE1 FILE2"},
		{"dirname", dirname, "dirname [-z] NAME..."},
		{"du", du, "du [-abchkms] [-d DEPTH] [FILE...]"},
		{"egrep", grep, "egrep: grep -E"},
		{"env", env, "env [-i0] [-u NAME] [-C FOLDER] [NAME=VALUE...] [COMMAND [WORD...]]"},
		{"expand", expand, "expand [-i] [-t N] [FILE...]"},
		{"expr", expr, "expr EXPRESSION"},
		{"fgrep", grep, "fgrep: grep -F"},
		{"find", find, "find [-HLP] [PATH...] [EXPRESSION]"},
		{"fold", fold, "fold [-bs] [-w WIDTH] [FILE...]"},
		{"grep", grep, "grep [-EFGPivwxcnHhlLoqsrRzabZ] [-e PATTERN] [-f FILE] [-m N] [-A N] [-B N] [-C N] [--include=GLOB] [--exclude=GLOB] [--exclude-dir=GLOB] PATTERN [FILE...]"},
		{"gunzip", gunzip, "gunzip [-cfkqt] [FILE...]"},
		{"gzip", gzipTool, "gzip [-cdfkqt1-9] [FILE...]"},
		{"head", head, "head [-n N | -c BYTES] [-qvz] [FILE...]"},
		{"help", help, "help [NAME...]"},
		{"hostname", hostname, "hostname"},
		{"id", id, "id [-ugnr]"},
		{"join", join, "join [-1 FIELD] [-2 FIELD] [-j FIELD] [-t C] [-a N] [-v N] [-e TEXT] [-o LIST] [-i] FILE1 FILE2"},
		{"jq", jq, "jq [-ncrjaesSC] [--tab] [--indent N] [--arg A V] [--argjson A JSON] [--slurpfile A F] [--rawfile A F] [--args] [--jsonargs] [-f FILE | FILTER] [FILE...]"},
		{"ln", ln, "ln [-fnrsvT] TARGET... LINK"},
		{"ls", ls, "ls [-1AaCdFhilmnpRrSstUX] [FILE...]"},
		{"md5sum", md5sum, "md5sum [-c] [--quiet] [--status] [-bz] [FILE...]"},
		{"mkdir", mkdir, "mkdir [-pv] [-m MODE] FOLDER..."},
		{"mktemp", mktemp, "mktemp [-dqu] [-p FOLDER] [-t] [TEMPLATE]"},
		{"mv", mv, "mv [-finTuv] [-t FOLDER] SOURCE... DEST"},
		{"nl", nl, "nl [-b a|t|n|pBRE] [-n ln|rn|rz] [-s SEP] [-v FIRST] [-i STEP] [-w WIDTH] [FILE...]"},
		{"nproc", nproc, "nproc"},
		{"od", od, "od [-A d|o|x|n] [-t TYPE] [-j SKIP] [-N BYTES] [-w N] [-bcdosxv] [FILE...]"},
		{"paste", paste, "paste [-sz] [-d LIST] [FILE...]"},
		{"printenv", printenv, "printenv [-0] [NAME...]"},
		{"printf", printfTool, "printf FORMAT [WORD...]   (%% %s %c %b %q %d %i %u %o %x %X %e %f %g, with width and precision)"},
		{"readlink", readlink, "readlink [-fenqz] FILE..."},
		{"realpath", realpath, "realpath [-emsqz] [--relative-to=FOLDER] FILE..."},
		{"rev", rev, "rev [FILE...]"},
		{"rm", rm, "rm [-dfirRv] FILE..."},
		{"rmdir", rmdir, "rmdir [-pv] [--ignore-fail-on-non-empty] FOLDER..."},
		{"sed", sed, "sed [-Eirnsuz] [-e SCRIPT] [-f FILE] [SCRIPT] [FILE...]"},
		{"seq", seq, "seq [-w] [-s SEP] [-f FORMAT] [FIRST [STEP]] LAST"},
		{"sh", shellTool, "sh [-euxo OPTION] [-c COMMAND | FILE | -s] [WORD...]"},
		{"sha1sum", sha1sum, "sha1sum: as md5sum"},
		{"sha256sum", sha256sum, "sha256sum: as md5sum"},
		{"sha512sum", sha512sum, "sha512sum: as md5sum"},
		{"sleep", sleep, "sleep NUMBER[smhd]..."},
		{"sort", sortTool, "sort [-bcCdfghimMnrRsuVz] [-k KEY] [-t C] [-o FILE] [FILE...]"},
		{"split", split, "split [-l N | -b SIZE | -n N] [-a LEN] [-d] [--additional-suffix=S] [FILE [PREFIX]]"},
		{"stat", stat, "stat [-L] [-c FORMAT | --printf=FORMAT] FILE..."},
		{"strings", stringsTool, "strings [-n N] [-t d|o|x] [FILE...]"},
		{"tac", tac, "tac [FILE...]"},
		{"tail", tail, "tail [-n [+]N | -c [+]BYTES] [-qvz] [FILE...]"},
		{"tar", tarTool, "tar -c|-x|-t [-vzkO] [-f FILE] [-C FOLDER] [--exclude=GLOB] [--strip-components=N] [FILE...]"},
		{"tee", tee, "tee [-a] [FILE...]"},
		{"time", timeTool, "time [-p] COMMAND [WORD...]"},
		{"timeout", timeout, "timeout [-k N] [-s SIGNAL] NUMBER[smhd] COMMAND [WORD...]"},
		{"touch", touch, "touch [-acm] [-d WHEN] [-r FILE] [-t STAMP] FILE..."},
		{"tr", tr, "tr [-cCdst] SET1 [SET2]"},
		{"truncate", truncate, "truncate [-c] -s [+-<>/%]SIZE FILE..."},
		{"uname", uname, "uname [-amnrspv]"},
		{"unexpand", unexpand, "unexpand [-a] [-t N] [FILE...]"},
		{"uniq", uniq, "uniq [-cdDiuz] [-f FIELDS] [-s CHARS] [-w CHARS] [IN [OUT]]"},
		{"wc", wc, "wc [-clLmw] [FILE...]"},
		{"which", which, "which [-a] NAME..."},
		{"whoami", whoami, "whoami"},
		{"xargs", xargs, "xargs [-0rtx] [-a FILE] [-d C] [-E EOF] [-I STR] [-L N] [-n N] [-P N] [-s CHARS] [COMMAND [WORD...]]"},
		{"xxd", xxd, "xxd [-pru] [-c COLS] [-g BYTES] [-l BYTES] [-s SKIP] [FILE]"},
		{"yes", yes, "yes [WORD...]"},
		{"zcat", zcat, "zcat [FILE...]"},
	}
}
