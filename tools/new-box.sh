#!/bin/bash
# tools/new-box.sh name "what it does" ["the same in Chinese"]: begins a new box.
#
#   externals/latent.<name>.c        a box that compiles: it takes a list and sends it, once or more
#   help/latent.<name>-help.pd       its help, which can be played
#   tests/patches/<name>-again.pd    its test, which passes
#   docs/boxes.md                    its flag (see tools/boxes)
#   README.md                        a row in both tables of boxes (of lists: move it where it belongs)
#
# The line begins in lower case and ends without a full stop, as in "sends a list several times".
# Nothing that is there already is written over.  CONTRIBUTING.md says how to go on from here.
set -eu
cd "$(dirname "$0")/.."
die() { echo "new-box: $1" >&2; exit 1; }
[ $# = 2 ] || [ $# = 3 ] || die 'say: tools/new-box.sh name "what it does" ["the same in Chinese"]'
name=$1 line=$2 chinese=${3:-$2}
[[ $name =~ ^[a-z][a-z0-9]*$ ]] || die "a name is small letters and figures, and begins with a letter; $name is none"
for text in "$line" "$chinese"; do
  [ -n "$text" ] && [[ $text != *[\;\|\\\$\{\}\*]* && $text != *'//'* && $text != *$'\n'* ]] ||
    die 'the line is one line of words, without any of ; | \ $ { } * //'
  [ ${#text} -le 120 ] || die "the line has ${#text} characters, and 120 are the most"
done
box=latent.$name
code=externals/$box.c help=help/$box-help.pd patch=tests/patches/$name-again.pd
for f in "$code" "$help" "$patch"; do [ ! -e "$f" ] || die "$f is there already"; done
! grep -qF "\`$box\`" README.md || die "$box is in the README already"
grep -q '^| \*\*The network\*\* ' README.md && grep -q '^| \*\*网络\*\* ' README.md ||
  die "the README's tables have no row **The network** to put the new one before"

cat >"$code" <<C
/* [$box]: $line.

   left      list: kept, and sent on; bang: the same again
   times n   how often it is sent (1); a flag too
   info      all settings, to the right outlet
   outlets   list; info */
#include "pd/box.h"
#include <stddef.h>

static t_class *latent_${name}_class;

typedef struct {
    t_object x_obj;
    int x_times;
    t_latent_list x_list;
    t_outlet *x_out, *x_info;
} t_latent_$name;

static const t_latent_param latent_${name}_params[] = {
    {"times", LATENT_WHOLE, offsetof(t_latent_$name, x_times), 1, 100, NULL, NULL},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

static void latent_${name}_bang(t_latent_$name *x)
{
    for (int i = 0; i < x->x_times && x->x_list.n; i++)
        latent_list_send(x->x_out, x->x_list.n, x->x_list.v);
}

static void latent_${name}_list(t_latent_$name *x, t_symbol *s, int argc, t_atom *argv)
{
    (void)s;
    if (!latent_list_set(&x->x_obj, &x->x_list, argc, argv))
        latent_${name}_bang(x);
}

static void latent_${name}_info(t_latent_$name *x)
{
    latent_params_info(&x->x_obj, latent_${name}_params, x->x_info);
}

static void *latent_${name}_new(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_$name *x = (t_latent_$name *)pd_new(latent_${name}_class);
    (void)s;
    x->x_times = 1;
    argc = latent_params_flags(&x->x_obj, latent_${name}_params, argc, argv);
    latent_params_rest(&x->x_obj, 0, argc, argv);
    x->x_out = outlet_new(&x->x_obj, &s_list);
    x->x_info = outlet_new(&x->x_obj, 0);
    return x;
}

static void latent_${name}_free(t_latent_$name *x)
{
    latent_list_free(&x->x_list);
}

void setup_latent0x2e$name(void)
{
    t_class *c =
        class_new(gensym("$box"), (t_newmethod)latent_${name}_new, (t_method)latent_${name}_free,
                  sizeof(t_latent_$name), CLASS_DEFAULT, A_GIMME, 0);
    latent_${name}_class = c;
    latent_takes(c, LATENT_TAKES_LATENT);
    class_addbang(c, latent_${name}_bang);
    class_addlist(c, latent_${name}_list);
    latent_params_setup(c, latent_${name}_params);
    latent_takes_alone(c, (t_method)latent_${name}_info, "info");
}
C
! command -v clang-format >/dev/null || clang-format -i "$code"

in_pd=${line//,/ \\,}
in_chinese=${chinese//,/ \\,}
cat >"$help" <<P
#N canvas 100 40 636 520 12;
#X obj 3 3 cnv 5 613 44 empty empty $box 14 22 0 26 #22333b #fcfcfc 0;
#X obj 486 3 cnv 5 130 44 empty empty latent 26 22 0 18 #3d5a6c #fcfcfc 0;
#X text 10 52 This box ${in_pd}., f 85;
#X text 10 98 $in_chinese, f 50;
#X msg 20 150 1 2 3;
#X msg 92 150 bang;
#X msg 150 150 times 2;
#X msg 234 150 info;
#X obj 20 200 $box;
#X obj 20 240 print list;
#X obj 150 240 print info;
#X obj 3 280 cnv 5 613 17 empty empty empty 12 8 0 20 #cfdce3 #fcfcfc 0;
#X text 10 279 inlet 入口, f 10;
#X text 14 298 list, f 5;
#X text 126 298 kept \, and sent on, f 30;
#X text 384 298 留住，并送出, f 12;
#X text 14 313 bang, f 5;
#X text 126 313 the same again, f 30;
#X text 384 313 再送一次, f 12;
#X text 14 328 times n, f 8;
#X text 126 328 how often it is sent, f 30;
#X text 384 328 送几次, f 12;
#X text 14 343 info, f 5;
#X text 126 343 all settings, f 30;
#X text 384 343 全部设置, f 12;
#X obj 3 362 cnv 5 613 17 empty empty empty 12 8 0 20 #cfdce3 #fcfcfc 0;
#X text 10 361 outlets 出口, f 12;
#X text 14 380 left 左, f 8;
#X text 126 380 list, f 30;
#X text 384 380 列表, f 12;
#X text 14 395 right 右, f 8;
#X text 126 395 info times n, f 30;
#X text 384 395 设置, f 12;
#X obj 3 414 cnv 5 613 17 empty empty empty 12 8 0 20 #cfdce3 #fcfcfc 0;
#X text 10 413 flags 参数, f 12;
#X text 14 432 -times 1, f 9;
#X text 126 432 what it begins with, f 30;
#X text 384 432 一开始的值, f 12;
#X obj 3 451 cnv 5 613 31 empty empty empty 12 15 0 20 #eef2f5 #fcfcfc 0;
#X text 10 458 see also 另见, f 12;
#X obj 112 457 latent.interp;
#N canvas 600 100 460 205 META 0;
#X text 10 10 KEYWORDS control latent list, f 47;
#X text 10 30 LICENSE BSD-3-Clause, f 21;
#X text 10 50 DESCRIPTION $in_pd, f 61;
#X text 10 100 INLET_0 list bang times info, f 38;
#X text 10 120 OUTLET_0 list, f 14;
#X text 10 140 OUTLET_1 info, f 14;
#X text 10 160 AUTHOR the latent authors, f 26;
#X restore 550 457 pd META;
#X connect 4 0 8 0;
#X connect 5 0 8 0;
#X connect 6 0 8 0;
#X connect 7 0 8 0;
#X connect 8 0 9 0;
#X connect 8 1 10 0;
P

cat >"$patch" <<P
#N canvas 60 60 900 500 12;
#X text 16 16 What comes is sent on as it is \, and so often as it was told. A wrong word is refused., f 90;
#X text 16 60 expect-log: $box: times takes a number from 1 to 100 \, but 0 came, f 80;
#X text 16 90 expect-log: $box: there is no message .nonsense., f 80;
#X obj 16 130 loadbang;
#X obj 16 160 t b b b b b b b;
#X msg 120 190 list 1 2 3;
#X msg 104 220 1 2 3;
#X msg 88 250 times 0;
#X msg 72 280 nonsense;
#X msg 56 310 times 2;
#X msg 40 340 bang;
#X obj 16 370 check.done 3;
#X obj 400 220 $box -times 1;
#X obj 400 300 check list;
#X connect 3 0 4 0;
#X connect 4 6 5 0;
#X connect 4 5 6 0;
#X connect 4 4 7 0;
#X connect 4 3 8 0;
#X connect 4 2 9 0;
#X connect 4 1 10 0;
#X connect 4 0 11 0;
#X connect 5 0 13 1;
#X connect 6 0 12 0;
#X connect 7 0 12 0;
#X connect 8 0 12 0;
#X connect 9 0 12 0;
#X connect 10 0 12 0;
#X connect 12 0 13 0;
P

# Before the second group of each table.
row() { # the group, the line
  local file
  file=$(mktemp README.XXXXXX)
  awk -v group="| **$1** " -v row="| \`$box\` | $2 |" \
    'index($0, group) == 1 { print row } { print }' README.md >"$file"
  cat "$file" >README.md
  rm "$file"
}
row 'The network' "$line"
row 网络 "$chinese"

printf '\n## %s\n\n| `-times` | | how often the list is sent (1) |\n' "$box" >>docs/boxes.md
tools/boxes || echo 'new-box: run tools/boxes again when that is mended' >&2

printf '%s\n' "$code" "$help" "$patch" docs/boxes.md 'README.md (two rows)'
