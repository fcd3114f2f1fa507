# Sourced by guests.sh: fetching and compiling, for the units of third_party/guests. A change here is another build of every unit.
#
# A unit defines   bx_unit_key    prints what else its result depends on (versions of tools)
#                  bx_make_unit   fills $out from $src/NAME, the unpacked archives of its lines in the lock
# and may use      $work (a scratch folder), compile_all, say, die; bx_debian_release is the release for apt kinds.
# Uses of its caller: $lock, $sources, $src, $work, lock_of, say, die, and the toolchain of tools.sh.

wasm_flags=(--target=wasm32-wasi -O2 -g0 -DNDEBUG -ffunction-sections -fdata-sections)

# --- fetching: fetch_KIND NAME VERSION FILE leaves the archive as FILE or fails ---------------------------------

fetch_crate() {
    local found project=$work/fetch
    bx_choose_rust || die "no Rust toolchain of $bx_rust_least or newer: run \`make deps\`"
    mkdir -p "$project"
    printf '[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n[lib]\npath = "lib.rs"\n[dependencies]\n%s = { version = "=%s", default-features = false }\n' \
        "$1" "$2" >"$project/Cargo.toml"
    : >"$project/lib.rs"
    rm -f "$project/Cargo.lock"
    (cd "$project" && { "$bx_cargo" fetch --quiet --offline 2>/dev/null || "$bx_cargo" fetch --quiet; }) || return 1
    found=$(ls "${CARGO_HOME:-$HOME/.cargo}"/registry/cache/*/"$1-$2.crate" 2>/dev/null | head -n 1)
    [[ -n $found ]] && cp "$found" "$3"
}

fetch_npm() {
    local folder=$work/fetch-npm
    command -v npm >/dev/null || die "no npm: run \`make deps\`"
    mkdir -p "$folder"
    (cd "$folder" && npm pack --silent "$1@$2" >/dev/null) || return 1
    mv "$folder"/*.tgz "$3"
}

# Debian's packages of another release than this machine's: apt with a configuration of its own, the same mirror and the
# same keys; nothing of the system is changed.
apt_ready() {
    local mirror keys=/usr/share/keyrings/debian-archive-keyring.gpg
    apt_root=$work/apt
    apt_options=(-qq -o "Dir::Etc::sourcelist=$apt_root/sources.list" -o Dir::Etc::sourceparts=- -o Dir::Etc::main=-
                 -o Dir::Etc::preferencesparts=- -o Dir::Etc::preferences=- -o "Dir::State=$apt_root/state" -o Dir::State::status=/dev/null
                 -o "Dir::Cache=$apt_root/cache" -o Acquire::Languages=none -o Acquire::Retries=3)
    [[ $(id -u) != 0 ]] || apt_options+=(-o APT::Sandbox::User=root)
    [[ ! -f $apt_root/ready ]] || return 0
    command -v apt-get >/dev/null || die "no apt-get here: the Debian archives in $lock cannot be fetched"
    mirror=$(apt-get indextargets --format '$(SITE) $(REPO_URI)' 'Identifier: Packages' 'Origin: Debian' 'Label: Debian' | sed -n '1s/^[^ ]* //p')
    [[ -n $mirror ]] || die "apt knows no mirror of Debian here; run apt-get update"
    mkdir -p "$apt_root"/{state/lists/partial,cache/archives/partial}
    printf "%s [signed-by=$keys] $mirror $bx_debian_release main\n" deb deb-src >"$apt_root/sources.list"
    apt-get "${apt_options[@]}" update || return 1
    : >"$apt_root/ready"
}

fetch_apt-source() {
    apt_ready || return 1
    mkdir -p "$work/fetch-apt"
    (cd "$work/fetch-apt" && apt-get "${apt_options[@]}" source --download-only --tar-only "$1") || return 1
    mv "$work/fetch-apt/$1_$2".orig.tar.* "$3"
}

fetch_apt-package() {
    apt_ready || return 1
    mkdir -p "$work/fetch-apt"
    (cd "$work/fetch-apt" && apt-get "${apt_options[@]}" download "$1=$2") || return 1
    mv "$work/fetch-apt/$1"_*.deb "$3"
}

unpack() {
    mkdir -p "$3"
    case $1 in
        apt-package) dpkg-deb -x "$2" "$3" ;;
        *) tar -x -f "$2" -C "$3" --strip-components=1 --no-same-owner ;;
    esac
}

# bx_fetch_all UNIT: every line of the lock, from the cache or by its client, checked and unpacked to $src/NAME.
bx_fetch_all() {
    local unit kind name version hash file
    while read -r unit kind name version hash; do
        file=$sources/$hash
        if [[ ! -f $file ]] || ! echo "$hash  $file" | sha256sum --check --status; then
            say "$unit: fetching $name $version"
            rm -f "$file" "$file.part"
            "fetch_$kind" "$name" "$version" "$file.part" && [[ -f $file.part ]] ||
                die "$unit: cannot fetch $name $version ($kind): is the network up? The reason may be above"
            echo "$hash  $file.part" | sha256sum --check --status ||
                die "$unit: $name $version is not the file that third_party/guests/lock names (its SHA-256 differs); not used"
            mv "$file.part" "$file"
        fi
        unpack "$kind" "$file" "$src/$name" || die "$unit: $name $version cannot be unpacked"
    done < <(lock_of "$1")
}

# --- compiling ---------------------------------------------------------------------------------------------------

# compile_all OUTPUT FLAG... -- SOURCE...: one archive of wasm objects from C sources.
compile_all() {
    local archive=$1 compile=(clang-19) objects
    shift
    while [[ $1 != -- ]]; do compile+=("$1"); shift; done
    shift
    objects=$(mktemp -d "$work/objects.XXXXXX")
    printf '%s\0' "$@" | xargs -0 -P "$(nproc)" -I{} sh -c \
        'src=$1; obj=$2/$(basename "$src" .c).o; shift 2; exec "$@" -c "$src" -o "$obj"' \
        sh {} "$objects" "${compile[@]}" || die "$(basename "$archive") did not compile; the reason is above"
    mkdir -p "$(dirname "$archive")"
    llvm-ar-19 rcsD "$archive" "$objects"/*.o
}
