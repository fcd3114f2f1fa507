#!/bin/sh
# rights.sh GO: writes overlay.json here, with which Go asks for no right to change a file that it opens only to read. Without it nothing
# on a read-only mount can be opened: Go asks for the right to set sizes and times with every open.
set -eu
file=$(env -u GOROOT "$1" env GOROOT)/src/syscall/fs_wasip1.go
old='writeRights = rights(RIGHT_FD_DATASYNC |'
grep -qF "$old" "$file" || { echo "shell: upstream/rights.sh does not fit this Go: $file has no '$old'" >&2; exit 1; }
sed "s/$old/writeRights = rights(RIGHT_FD_FILESTAT_SET_SIZE | RIGHT_FD_FILESTAT_SET_TIMES | RIGHT_PATH_FILESTAT_SET_TIMES | RIGHT_FD_DATASYNC |/" "$file" >fs_wasip1.go.in
printf '{"Replace": {"%s": "%s"}}\n' "$file" "$PWD/fs_wasip1.go.in" >overlay.json
