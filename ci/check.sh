#!/usr/bin/env bash
# Everything that must hold before a change is taken. Runs every check even when one fails, and
# fails when one did. Arguments choose checks by name: ci/check.sh fmt clippy
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
chosen=("$@")
known=()
failed=()
skipped=()
# What a check exits with that cannot be made here.
SKIPPED=77

# check NAME COMMAND...
check() {
    local name=$1 begin=$SECONDS
    shift
    known+=("$name")
    if ((${#chosen[@]})) && [[ " ${chosen[*]} " != *" $name "* ]]; then
        return
    fi
    echo "=== $name: $*"
    local code=0
    "$@" || code=$?
    case $code in
    0) echo "=== $name: passed in $((SECONDS - begin)) s" ;;
    "$SKIPPED")
        echo "=== $name: SKIPPED"
        skipped+=("$name")
        ;;
    *)
        echo "=== $name: FAILED in $((SECONDS - begin)) s"
        failed+=("$name")
        ;;
    esac
}

# The licences and sources need no network; the advisories need their database.
deny() {
    if ! command -v cargo-deny >/dev/null; then
        echo "cargo-deny is not installed (cargo install --locked cargo-deny)"
        return "$SKIPPED"
    fi
    cargo deny --offline check bans licenses sources || return 1
    if compgen -G "${CARGO_HOME:-$HOME/.cargo}/advisory-db*/*" >/dev/null; then
        cargo deny --offline check advisories
    else
        echo "=== deny: licences and sources only, for the advisory database is not at hand (cargo deny fetch)"
        skipped+=("deny (advisories)")
    fi
}

# Proof that the three stones need neither clock nor socket.
wasm() {
    if [[ ! -d $(rustc --print target-libdir --target wasm32-unknown-unknown) ]]; then
        echo "the target is not installed (rustup target add wasm32-unknown-unknown)"
        return "$SKIPPED"
    fi
    cargo check --locked --target wasm32-unknown-unknown -p sipfarm-core -p sipfarm-ua -p sipfarm-judge
}

check fmt cargo fmt --all --check
check clippy cargo clippy --locked --workspace --all-targets -- -D warnings
check doc env RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --workspace
check test cargo test --locked --workspace
check lint cargo run --locked --release -- lint
check run cargo run --locked --release -- run
check mutants cargo run --locked --release -- mutants
check browser ci/browser.sh
check editor ci/editor.sh
check deny deny
check wasm wasm

for name in "${chosen[@]}"; do
    if [[ " ${known[*]} " != *" $name "* ]]; then
        echo "=== there is no check $name; known are ${known[*]}"
        failed+=("$name")
    fi
done
if ((${#skipped[@]})); then
    echo "=== not checked here: ${skipped[*]}"
fi
if ((${#failed[@]})); then
    echo "=== failed: ${failed[*]}"
    exit 1
fi
if ((${#skipped[@]})); then
    echo "=== all others passed in $SECONDS s"
else
    echo "=== all passed in $SECONDS s"
fi
