#!/bin/sh
# Fits the shell's interpreter to WASI: prepare.sh FOLDER, a copy of this module in which `go mod vendor` has put what it
# needs (checked by go.sum). Each change is made to that copy only, is found exactly as often as said, or this stops.
set -eu
vendor=$1/vendor
sh=mvdan.cc/sh/v3/interp
awk=github.com/benhoyt/goawk/interp
jq=github.com/itchyny/gojq
here=$(cd "$(dirname "$0")" && pwd)

# change FILE OLD NEW [COUNT]
change() {
    python3 - "$vendor/$1" "$2" "$3" "${4:-1}" <<'PY' || {
import sys
path, old, new, count = sys.argv[1:]
text = open(path).read()
if text.count(old) != int(count):
    sys.exit(1)
open(path, "w").write(text.replace(old, new))
PY
        echo "shell: upstream/prepare.sh does not fit this version of the interpreters: $1 has no '$2'" >&2
        exit 1
    }
}

chmod -R u+w "$vendor"
cp "$here/wasi.go.in" "$vendor/$sh/wasi.go"
cp "$here/awk.go.in" "$vendor/$awk/wasi.go"
cp "$here/jq.go.in" "$vendor/$jq/wasi.go"

# Pipes and fifos are ours.
change $sh/stdin_os.go '//go:build !js' '//go:build !js && !wasip1'
change $sh/os_notunix.go 'func mkfifo(' 'func mkfifoUnsupported('
change $sh/runner.go 'filepath.Join(r.tempDir, fifoNamePrefix' 'filepath.Join(fifoDir, fifoNamePrefix'
change $sh/runner.go 'if dir == r.tempDir && ' 'if dir == fifoDir && '
change $sh/runner.go 'return os.OpenFile(path, flags, mode)' 'return OpenFifo(path, flags)'
change $sh/runner.go 'os.OpenFile(path, os.O_WRONLY, 0)' 'OpenFifo(path, os.O_WRONLY)'
change $sh/runner.go 'os.OpenFile(path, os.O_RDONLY, 0)' 'OpenFifo(path, os.O_RDONLY)'
change $sh/runner.go 'os.Remove(path)' 'removeFifo(path)' 2
change $sh/runner.go 'r2.stdin = f' 'r2.stdin = f.(stdinFile)'
# The left side of a bar ends when its reader has left.
change $sh/runner.go 'r2.stmt(ctx, cm.X)' 'r2.stmt(pw.context(ctx), cm.X)'
change $sh/runner.go '				pw.Close()
			})' '				pw.finish(r2)
			})'
# command -v, type and hash find this shell's commands.
change $sh/handler.go 'return lookPathDir(cwd, env, file, findExecutable)' 'return lookTool(cwd, env, file)'
# What awk opens and runs goes through the shell.
change $awk/io.go '"os/exec"' '"boxagnts/shell/exec"'
change $awk/iostream.go '"os/exec"' '"boxagnts/shell/exec"'
change $awk/iostream.go 'func waitExitCode(' 'func waitExitCodeOfProcess('
change $awk/io.go 'os.OpenFile(name, flags, 0644)' 'exec.OpenFile(p.ctx, name, flags)'
change $awk/io.go 'os.Open(name)' 'exec.Open(p.ctx, name)'
change $awk/io.go 'os.Open(filename)' 'exec.Open(p.ctx, filename)'
# A function that calls itself for ever ends in a sentence.
change $sh/runner.go 'r.stmt(ctx, body)' 'r.callBody(ctx, body)'
# Its clock is asked, not waited for: no timer is heard while awk computes.
change $awk/newexecute.go 'case <-p.ctxDone:' 'case <-p.ctx.Done():'
# The definitions of jq are read from its source, not built by a program of a third of a megabyte.
cp "$(cd "$1" && env -u GOROOT GOFLAGS= "${BX_GO:-go}" list -mod=mod -m -f '{{.Dir}}' "$jq")/builtin.jq" "$vendor/$jq/builtin.jq"
rm "$vendor/$jq/builtin.go"
change $jq/func.go 'func init() {' 'func loadInternalFuncs() {'
