# tests/gui/boxes.awk: what lies in the window of a patch, one box a line, for tests/gui/play.sh:
#
#   number <tab> kind <tab> left <tab> top <tab> width <tab> height <tab> text
#
# number as [connect] counts; kind: msg, text, atom (a number, symbol or list box), or a class; text: a
# message, a comment, a box's arguments or what a slider, toggle or button is called (its own label).
# Widths of boxes that hold words are guessed from the font.
function box(kind, w, h, text) {
  gsub("\001", " ", text)
  gsub("\002", "$", text)
  print number, kind, f[3], f[4], w, h, text
}
# The words of a record from the nth on, without the width at its end.
function words(n,  i, s) {
  for (i = n; i <= count; i++) s = s (i == n ? "" : " ") f[i]
  sub(/ ?, f [0-9]+$/, "", s)
  gsub(/ ,/, ",", s)
  gsub(/ ;/, ";", s)
  return s
}
function wide(s,  w) { # in pixels: Chinese takes two places (and three bytes)
  w = gsub(/[\343-\357]../, "&", s)
  return (length(s) - w) * wider
}
function object(  name, size) {
  name = f[5]
  size = f[6]
  if (name == "bng") box(name, size, size, f[12])
  else if (name == "tgl") box(name, size, size, f[10])
  else if (name == "hsl" || name == "vsl") box(name, size, f[7], f[14])
  else if (name == "hradio") box(name, size * f[9], size, f[12])
  else if (name == "vradio") box(name, size, size * f[9], f[12])
  else if (name == "nbx") box(name, int(size * f[18] * 0.6 + f[7] / 2) + 4, f[7], f[14])
  else if (name == "latent.view") box(name, size ? size : 256, f[7] ~ /^[0-9]+$/ ? f[7] : size ? size : 256, words(6))
  else if (name == "cnv") box(name, f[7], f[8], f[11])
  else box(name, wide(words(5)) + 8, high, words(5))
}
function record(  left) {
  gsub(/\\ /, "\001", r)
  gsub(/\\\$/, "\002", r)
  gsub(/\\/, "", r)
  count = split(r, f, " ")
  if (f[1] == "#N") { depth++; if (depth == 1) { wider = f[7] >= 16 ? 10 : 7; high = f[7] >= 16 ? 24 : 20 }; return }
  if (f[1] != "#X") return
  if (f[2] == "restore") { depth--; if (depth != 1) return; f[5] = "pd"; sub(/^#X restore/, "#X obj", r); count = split(r, f, " "); object(); number++; return }
  if (depth != 1 || f[2] == "connect" || f[2] == "declare" || f[2] == "coords") return
  if (f[2] == "msg" || f[2] == "text") {
    left = match(r, /, f [0-9]+$/) ? substr(r, RSTART + 4) * wider : 0
    box(f[2], (left ? left : wide(words(5))) + (f[2] == "msg" ? 8 : 4), high, words(5))
  } else if (f[2] == "obj") object()
  else if (f[2] ~ /atom$|listbox/) box("atom", (f[5] ? f[5] : 10) * wider + 4, high, f[9] == "-" ? "" : f[9])
  else return
  number++
}
BEGIN { OFS = "\t"; number = 0; LC_ALL = "C" }
{ r = r (r == "" ? "" : " ") $0 }
/;$/ && !/\\;$/ { sub(/;$/, "", r); record(); r = "" }
