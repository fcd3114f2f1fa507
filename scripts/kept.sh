# Sourced: a folder in the cache that is built once, whole or not at all. `manifest` has the hash of every file in it, `stamp` their
# sizes and times, so that looking costs milliseconds and reads contents only when a stamp differs.

# Every file with its size and time; a changed, missing or added file shows.
kept_stamp() { (cd "$1" && find . -type f ! -name stamp -printf '%P %s %T@\n' | sort); }
kept_hashes() { (cd "$1" && find . -type f ! -path ./stamp ! -path ./manifest -print0 | sort -z | xargs -0 sha256sum); }

# kept_is_whole FOLDER [every-byte]
kept_is_whole() {
    [[ -f $1/manifest && -f $1/stamp ]] || return 1
    if [[ ${2:-} != every-byte && $(kept_stamp "$1") == "$(<"$1/stamp")" ]]; then
        return 0
    fi
    [[ $(kept_hashes "$1") == "$(<"$1/manifest")" ]] || return 1
    # Only the times differed: remember them, if the cache may be written.
    { kept_stamp "$1" >"$1.stamp" && mv "$1.stamp" "$1/stamp"; } 2>/dev/null || true
}

# kept_finish TEMPORARY FOLDER: give what was built its name. The caller holds the lock and has removed the old one.
kept_finish() {
    kept_hashes "$1" >"$1/manifest"
    kept_stamp "$1" >"$1/stamp"
    sync -f "$1"
    mv "$1" "$2"
}
