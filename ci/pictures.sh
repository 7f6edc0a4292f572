#!/usr/bin/env bash
# Makes the pictures of the report and of the terminal that README shows, from runs against a phone with a defect:
#   ci/pictures.sh            into ci/pictures/
# Needs Chromium and, for the terminal, `script` of util-linux. SIPFARM names the program, CHROMIUM the browser.
set -euo pipefail
cd "$(dirname "$0")/.."
sipfarm=${SIPFARM:-target/release/sipfarm}
chromium=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
[[ -x $sipfarm ]] || { echo "there is no $sipfarm: cargo build --release, or set SIPFARM" >&2; exit 2; }
[[ -n $chromium ]] || { echo "there is no Chromium: install it, or set CHROMIUM" >&2; exit 2; }
out=ci/pictures
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

# A phone that refreshes its binding too late: exit code 1 is what is wanted.
# Run in a folder of its own and by its plain name, so that the picture shows the command as a user types it.
cp -r features "$work/features"
sipfarm=$(realpath "$sipfarm")
(cd "$work" && exec -a sipfarm "$sipfarm" run --defect refreshes-late features/registration --out run > run.txt) &&
  { echo "nothing failed" >&2; exit 1; }

# A run on the loopback, half a minute long, as it stands after 14 s; the size of its terminal is that of the picture.
columns=150
(cd "$work" && timeout --signal=INT 14 script -qec "stty cols $columns rows 40; exec -a sipfarm '$sipfarm' run \
  features/failover/order.feature features/failover/503.feature --defect fails-over-on-404 --net loopback --out live" \
  live.txt > /dev/null) || true
{ echo "\$ sipfarm run features/failover/{order,503}.feature --defect fails-over-on-404 --net loopback"; cat "$work/live.txt"; } |
  awk -v columns="$columns" -f ci/terminal.awk > "$work/terminal.html"

# picture NAME PAGE COLOURS (0 dark, 1 light) WIDTH,HEIGHT
picture() {
  "$chromium" --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$work/browser" \
    --blink-settings=preferredColorScheme="$3" --window-size="$4" --screenshot="$work/$1.png" \
    "file://$work/$2" 2> /dev/null
  # Few colours, and so small files, where there is somebody to count them.
  if command -v pngquant > /dev/null; then pngquant --force --output "$out/$1.png" 64 "$work/$1.png"; else cp "$work/$1.png" "$out/$1.png"; fi
  echo "$out/$1.png $(stat -c %s "$out/$1.png") octets"
}
late=$(grep -o '"event":"scenario-finished","id":[0-9]*,.*"name":"The binding never lapses' "$work/run/events.ndjson" |
  grep -o '"id":[0-9]*' | head -n 1 | cut -d: -f2)
picture report run/report.html 1 1280,760
picture scenario "run/report.html#$(printf %03d "$late")" 1 1280,760
picture terminal terminal.html 0 1300,480
