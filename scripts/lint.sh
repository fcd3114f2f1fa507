#!/usr/bin/env bash
# Style and analysis: lint.sh format | check | tidy. Only files that git knows.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/tools.sh"
cd "$bx_root"

files() { git ls-files -z -- '*.c' '*.h' | xargs -0 -r ls -1d 2>/dev/null || true; }

case ${1:-} in
    format) files | xargs -r clang-format-19 -i ;;
    check) files | xargs -r clang-format-19 --dry-run -Werror ;;
    tidy) files | grep -E '^(lib|src|edge|apps)/.*\.c$' |
              xargs -r -P "$(nproc)" -n 4 clang-tidy-19 -p build/dev-clang --quiet ;;
    *) echo "usage: lint.sh format | check | tidy" >&2; exit 2 ;;
esac
