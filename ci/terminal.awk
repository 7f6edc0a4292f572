# What a terminal shows at the end of a recording of `script`, as a page for a browser. It knows the few sequences that
# sipfarm sends: colours, lines up, clear to the end, no wrapping.
BEGIN { RS = "\n"; row = 0; colour[31] = "#f66"; colour[32] = "#6c6"; colour[33] = "#db5"; colour[34] = "#6af" }
/^Script (started|done)|^Session terminated/ { next }
{
  sub(/\r$/, ""); text = ""; width = 0
  while (length($0)) {
    if (match($0, /^\033\[[0-9;?]*[A-Za-z]/)) {
      code = substr($0, 3, RLENGTH - 3); end = substr($0, RLENGTH, 1); $0 = substr($0, RLENGTH + 1)
      if (end == "A") { row -= code; if (row < 0) row = 0 }
      else if (end == "J") { for (old in screen) if (old + 0 >= row) delete screen[old] }
      else if (end == "m") text = text ((code in colour) ? "<b style=\"color:" colour[code] "\">" : (code == "0" ? "</b>" : ""))
      continue
    }
    letter = substr($0, 1, 1); $0 = substr($0, 2)
    if (width++ < columns) text = text (letter == "&" ? "&amp;" : letter == "<" ? "&lt;" : letter)
  }
  # What only moves the cursor is no line.
  if (width || text == "") screen[row++] = text
}
END {
  print "<!doctype html><meta charset=\"utf-8\"><style>body{margin:0;background:#16181d;color:#ddd}" \
    "pre{font:14px/1.35 \"DejaVu Sans Mono\",monospace;margin:16px}b{font-weight:normal}</style><pre>"
  for (line = 0; line < row; line++) print screen[line]
  print "</pre>"
}
