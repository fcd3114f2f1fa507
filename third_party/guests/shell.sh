# The Go modules of guests/shell, checked by its go.sum and fitted to WASI: vendor/, as the Go command lays it.

bx_unit_key() {
    cat "$bx_root"/guests/shell/go.mod "$bx_root"/guests/shell/go.sum "$bx_root"/guests/shell/upstream/* "$bx_root/scripts/go.sh"
    grep -rhE --include='*.go' '^[[:space:]]+"[a-z0-9]+\.[a-z]+/' "$bx_root/guests/shell" | sort -u
}

bx_make_unit() {
    local go copy=$work/shell
    go=$("$bx_root/scripts/go.sh") || die "shell: no Go to build it with; the reason is above"
    cp -r "$bx_root/guests/shell" "$copy"
    say "shell: fetching the modules of guests/shell/go.mod"
    # The environment of the caller must not change what is built.
    (cd "$copy" && env -u GOWORK -u GOROOT GOFLAGS=-mod=mod GOTOOLCHAIN=local "$go" mod vendor) ||
        die "shell: the Go modules cannot be fetched: is the network up? The reason is above"
    cmp -s "$copy/go.sum" "$bx_root/guests/shell/go.sum" || die "shell: go.sum of guests/shell is not complete: run go mod tidy there"
    BX_GO=$go sh "$copy/upstream/prepare.sh" "$copy" || die "shell: upstream/prepare.sh failed; the reason is above"
    mv "$copy/vendor" "$out/vendor"
}
