# Sourced by the other scripts: where the tree is, and which Rust toolchain to use.
bx_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bx_rust_least=1.95

# True when version $1 is at least $2.
bx_at_least() { [[ $(printf '%s\n%s\n' "$1" "$2" | sort -V | sed -n 1p) == "$2" ]]; }

# Sets bx_rustc and bx_cargo: the pair on PATH if new enough, else Debian's (packages rustc-web and cargo-web).
bx_choose_rust() {
    local rustc cargo
    bx_rustc="" bx_cargo=""
    for rustc in "$(command -v rustc || true)" /usr/bin/rustc; do
        cargo=${rustc%/*}/cargo
        [[ -x $rustc && -x $cargo ]] || continue
        if bx_at_least "$("$rustc" -V 2>/dev/null | cut -d' ' -f2)" "$bx_rust_least"; then
            bx_rustc=$rustc bx_cargo=$cargo
            # cargo must call the compiler we looked at, with no flags of the caller's.
            export RUSTC=$rustc
            unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_TARGET CARGO_TARGET_DIR RUSTC_WRAPPER
            return 0
        fi
    done
    return 1
}
