#!/usr/bin/env bash
# Whether editors know our steps: asks the library behind the Cucumber extension of VS Code, with the settings in
# .vscode. Needs Node.js and npm's registry, so it is no part of ci/check.sh.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$root/ci/editor.mjs" "$work"
cd "$work"
npm install --silent --no-fund --no-audit @cucumber/language-service@1.7.0
node editor.mjs "$root"
