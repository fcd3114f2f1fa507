#!/usr/bin/env bash
# Runs each fuzz target for a while: fuzz.sh SECONDS [TARGET...]. Found inputs grow under build/fuzz/corpus; a crash is
# kept under build/fuzz/crash and named, and the rest still run. At the end, when the release build is there, generated guests call
# WASI through the real worker for as long.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/tools.sh"

seconds=${1:-60}
shift || true
build=$bx_root/build/fuzz
targets=("$@")
if [[ ${#targets[@]} == 0 ]]; then
    for program in "$build"/fuzz/fuzz_*; do
        [[ -x $program ]] && targets+=("$(basename "$program")")
    done
fi
[[ ${#targets[@]} != 0 ]] || { echo "fuzz: no target is built" >&2; exit 1; }

failed=()
for name in "${targets[@]}"; do
    seeds=()
    for folder in "$bx_root/tests/fuzz/corpus/$name" "$bx_root/tests/fuzz/corpus/${name#fuzz_}"; do
        [[ -d $folder ]] && seeds+=("$folder")
    done
    dictionary=()
    for file in "$bx_root/tests/fuzz/$name.dict" "$bx_root/tests/fuzz/${name#fuzz_}.dict"; do
        [[ -f $file ]] && dictionary=("-dict=$file")
    done
    mkdir -p "$build/corpus/$name" "$build/crash"
    log=$build/crash/$name.log
    if "$build/fuzz/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$build/crash/$name-" "${dictionary[@]}" "$build/corpus/$name" "${seeds[@]}" >"$log" 2>&1; then
        printf '%-32s %s runs, clean\n' "$name" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
    else
        printf '%-32s FAILED, see %s\n' "$name" "$log"
        failed+=("$name")
    fi
done
if [[ $# == 0 && -x $bx_root/build/release/bin/boxagnts ]]; then
    BOXAGNTS_BIN=$bx_root/build/release/bin BX_FUZZ_SECONDS=$seconds python3 "$bx_root/tests/escape/test_guest_fuzz.py" || failed+=(guests)
fi
[[ ${#failed[@]} == 0 ]] || { echo "fuzz: ${#failed[@]} of ${#targets[@]} targets failed: ${failed[*]}" >&2; exit 1; }
echo "fuzz: ${#targets[@]} targets clean for $seconds s each"
