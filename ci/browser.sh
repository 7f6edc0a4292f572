#!/usr/bin/env bash
# Whether the report works in a browser: makes one of every scenario, with failures and with hostile names in it, and uses it
# as a person does. Needs Chromium, Node.js and npm's registry; where one is missing it says so and exits with 77. SIPFARM
# names the program, CHROMIUM the browser.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
sipfarm=$(realpath "${SIPFARM:-$root/target/release/sipfarm}")
chromium=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
[[ -x $sipfarm ]] || { echo "there is no $sipfarm: cargo build --release, or set SIPFARM" >&2; exit 2; }
[[ -n $chromium ]] || { echo "there is no Chromium: install it, or set CHROMIUM" >&2; exit 77; }
command -v npm > /dev/null || { echo "there is no npm: install Node.js" >&2; exit 77; }
npm ping --silent > /dev/null 2>&1 || { echo "npm's registry cannot be reached" >&2; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$root/features" "$work/features"
# What would run if anything of it became markup.
cat > "$work/features/hostile.feature" <<'FEATURE'
Feature: Names that would be markup <img src=x onerror="window.hostile=1">

  Scenario: </script><script>window.hostile=1</script>
    Given a farm with servers "primary" and "secondary"
    And a phone with profile "polycom-vvx-ucs58"
    And the phone is registered with "primary"
    When a flash call "x" arrives with Alert-Info "<http://lab.example/<script>window.hostile=1</script>>"
    Then call "x" alerts within 2 s
FEATURE
cp "$root/ci/browser.mjs" "$work"
cd "$work"
"$sipfarm" run --defect refreshes-late --reporter dot --out bundle > run.txt && { echo "nothing failed" >&2; exit 1; }
npm install --silent --no-fund --no-audit playwright-core@1.65.1
node browser.mjs "$chromium" "$work/bundle/report.html"
