#!/usr/bin/env bash
# Whether editors know our steps: asks the library behind the Cucumber extension of VS Code, with the settings in
# .vscode. Needs Node.js and npm's registry; where one is missing it says so and exits with 77.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
command -v npm > /dev/null || { echo "there is no npm: install Node.js" >&2; exit 77; }
npm ping --silent > /dev/null 2>&1 || { echo "npm's registry cannot be reached" >&2; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$root/ci/editor.mjs" "$work"
cd "$work"
npm install --silent --no-fund --no-audit @cucumber/language-service@1.7.0
node editor.mjs "$root"
