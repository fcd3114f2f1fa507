#!/usr/bin/env bash
# Builds the third-party parts of guests, one unit each (an interpreter, a database), once, outside the tree.
#
#   guests.sh [UNIT...]    build what is not there and whole; without names all; prints nothing but progress
#   guests.sh --paths      UNIT=FOLDER for each: where it belongs
#   guests.sh --path UNIT  the same for one
#   guests.sh --check      exit 0 if all are there and whole; else says which are not
#   guests.sh --verify     the same, reading every byte
#
# A unit is third_party/guests/UNIT.sh and its lines in the lock. It lies in the cache as guests-UNIT-KEY; the key is a hash of these,
# of guest-tools.sh and of the compilers, so a unit is never updated: it is right or it is another one, and a change to one leaves
# the others alone. Archives stay in the cache's `sources` by their hash, so that building again needs no network.
set -euo pipefail
export LC_ALL=C
source "$(dirname "${BASH_SOURCE[0]}")/tools.sh"
source "$bx_root/scripts/kept.sh"
source "$bx_root/scripts/guest-tools.sh"

units_dir=$bx_root/third_party/guests
lock=$units_dir/lock
cache=${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}/boxagnts
sources=$cache/sources
clang_version=$(clang-19 --version 2>/dev/null | sed -n 1p || true)

say() { printf '%s\n' "guests: $*" >&2; }
die() { say "$*"; exit 1; }

all_units() { (cd "$units_dir" && printf '%s\n' *.sh) | sed 's/\.sh$//'; }
lock_of() { grep "^$1 " "$lock" || true; }

# unit_path UNIT
unit_path() {
    local key
    [[ -f $units_dir/$1.sh ]] || die "there is no unit $1; known: $(all_units | xargs)"
    key=$({ lock_of "$1"; cat "$units_dir/$1.sh" "$bx_root/scripts/guest-tools.sh"; uname -m; echo "$clang_version"
            source "$units_dir/$1.sh"; bx_unit_key; } | sha256sum | cut -c1-16)
    printf '%s\n' "$cache/guests-$1-$key"
}

# build_unit UNIT: in a subshell, because each unit defines the same names.
build_unit() (
    local unit=$1 folder
    folder=$(unit_path "$unit")
    if kept_is_whole "$folder"; then
        return 0
    fi
    mkdir -p "$sources"
    exec 9>"$cache/guests-$unit.lock"
    flock -n 9 || { say "$unit: another build of it is under way, waiting for it"; flock 9; }
    if kept_is_whole "$folder"; then
        return 0
    fi
    if [[ -e $folder ]]; then
        say "$unit: $folder is damaged; building it again"
    fi
    # We hold the lock, so whatever is left under a temporary name belongs to a build that died.
    rm -rf "$folder" "$cache/guests-$unit-"*.tmp "$cache/guests-$unit-"*.work
    say "$unit: building $folder"
    out=$folder.tmp work=$folder.work src=$folder.work/src
    mkdir -p "$out" "$src"
    source "$units_dir/$unit.sh"
    bx_fetch_all "$unit"
    bx_make_unit
    kept_finish "$out" "$folder"
    rm -rf "$work"
    say "$unit: done"
)

check_all() {
    local unit bad=0
    for unit in $(all_units); do
        kept_is_whole "$(unit_path "$unit")" "$@" || { say "$unit is not built, or damaged"; bad=1; }
    done
    return $bad
}

case ${1:-} in
    --path) unit_path "${2:?which unit?}" ;;
    --paths) for unit in $(all_units); do printf '%s=%s\n' "$unit" "$(unit_path "$unit")"; done ;;
    --check) check_all ;;
    --verify) check_all every-byte ;;
    -*) die "unknown option $1; the head of this script says what there is" ;;
    *)
        for unit in ${@:-$(all_units)}; do
            build_unit "$unit" # not in a condition: errors must end it
        done ;;
esac
