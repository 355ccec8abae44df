# tests/gui/boxes.awk: what lies in the window of a patch, one box a line, for tests/gui/play.sh:
#
#   number <tab> kind <tab> left <tab> top <tab> width <tab> height <tab> text
#
# number as [connect] counts; kind: msg, text, atom (a number, symbol or list box), or a class; text: a
# message, a comment, a box's arguments or what a slider, toggle or button is called (its own label).
# Sizes of boxes that hold words are guessed from the font.
#
# With -v looks=1 it says instead, for tests/house.sh, what looks wrong in the patches: a comment that
# lies over a box, a line that begins with a full stop or a comma or ends in the middle of a word, and
# what does not fit the window.
function box(kind, w, h, text) {
  gsub("\001", " ", text)
  gsub("\002", "$", text)
  if (!looks) print number, kind, f[3], f[4], w, h, text
  k[number] = kind; x[number] = f[3]; y[number] = f[4]; wide[number] = w; high[number] = h; says[number] = text
}
# The words of a record from the nth on, without the width at its end.
function words(n,  i, s) {
  for (i = n; i <= count; i++) s = s (i == n ? "" : " ") f[i]
  sub(/ ?, f [0-9]+$/, "", s)
  gsub(/ ,/, ",", s)
  gsub(/ ;/, ";", s)
  return s
}
function complain(what) { if (looks) print FILENAME_ ": " what }
# Breaks words into lines as Pd does: at a blank, or, where there is none, after f characters.  The
# number of lines; in broad the pixels of the longest.
function wrap(s, f,  i, n, c, from, to, next_, last, w, lines, split_) {
  n = 0
  for (i = 1; i <= length(s); i += c) { # a character of UTF-8 at a time
    c = substr(s, i, 1)
    c = c >= "\360" ? 4 : c >= "\340" ? 3 : c >= "\300" ? 2 : 1
    ch[++n] = substr(s, i, c)
  }
  broad = lines = 0
  for (from = 1; from <= n; from = next_) {
    to = n; next_ = n + 1; split_ = 0
    if (f && n - from + 1 > f) {
      for (last = from + f; last > from && ch[last] != " "; last--) ;
      split_ = last == from
      to = split_ ? from + f - 1 : last - 1
      next_ = split_ ? from + f : last + 1
    }
    w = 0
    for (i = from; i <= to; i++) w += length(ch[i]) >= 3 && ch[i] !~ /^\342/ ? wider * 1.7 : wider
    if (w > broad) broad = int(w)
    if (lines++ && index("，。、；：？！）”", ch[from])) complain("a line begins with " ch[from] " in: " s)
    if (split_ && ch[to] ch[next_] ~ /^[A-Za-z0-9][A-Za-z0-9]$/) complain("a word is split in: " s)
  }
  return lines ? lines : 1
}
function written(kind, at, more,  lines, width, f) { # a box that holds words
  f = match(r, /, f [0-9]+$/) ? substr(r, RSTART + 4) + 0 : 0
  lines = wrap(words(at), f)
  width = f && kind != "text" ? f * wider : broad
  box(kind, width + more, lines * tall + (kind == "text" ? 0 : 4), words(kind == "text" || kind == "msg" ? 5 : 6))
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
  else written(name, 5, 4)
}
function record(  width) {
  gsub(/\\ /, "\001", r)
  gsub(/\\\$/, "\002", r)
  gsub(/\\/, "", r)
  count = split(r, f, " ")
  if (f[1] == "#N") {
    if (++depth == 1) {
      wider = f[7] >= 16 ? 10 : 7
      tall = f[7] >= 16 ? 19 : 15
      window_w = f[5]
      window_h = f[6]
    }
    return
  }
  if (f[1] != "#X") return
  if (f[2] == "restore") {
    if (--depth == 1 && f[5] != "graph") {
      sub(/^#X restore/, "#X obj", r)
      count = split(r, f, " ")
      written(f[5], 5, 4)
    }
    number += depth == 1
    return
  }
  if (depth != 1) return
  if (f[2] == "msg" || f[2] == "text") written(f[2], 5, f[2] == "msg" ? 8 : 0)
  else if (f[2] == "obj") object()
  else if (f[2] ~ /atom$|listbox/) {
    width = f[5]
    box("atom", (width ? width : 10) * wider + 4, tall + 4, f[10] == "-" ? "" : f[10])
  } else return
  number++
}
function look(  i, j) {
  for (i = 0; i < number; i++) {
    if (!(i in k)) continue
    if (x[i] + wide[i] > window_w + 4 || y[i] + high[i] > window_h + 4)
      complain("outside the window: " k[i] " " says[i])
    for (j = 0; j < number; j++)
      if (j != i && k[i] == "text" && (j in k) && k[j] != "cnv" && (k[j] != "text" || j > i) &&
          x[i] + 3 < x[j] + wide[j] - 3 && x[j] + 3 < x[i] + wide[i] - 3 &&
          y[i] + 3 < y[j] + high[j] - 3 && y[j] + 3 < y[i] + high[i] - 3)
        complain("\"" says[i] "\" lies over " k[j] " " says[j])
  }
  for (i in k) delete k[i]
}
BEGIN { OFS = "\t" }
FNR == 1 { if (looks) look(); number = depth = 0; r = ""; FILENAME_ = FILENAME }
{ r = r (r == "" ? "" : " ") $0 }
/;$/ && !/\\;$/ { sub(/;$/, "", r); record(); r = "" }
END { if (looks) look() }
