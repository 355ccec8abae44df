/* fish_words: one sentence about a fish, in English or in Chinese.  What is said is so; what lies
   between two words (neither fat nor thin, red nor orange) is not said; the rest is said mostly, in
   changing order and words, and now and then hardly anything is. */
#include "fish.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- what is so */

/* 1 large, -1 small, 0 between. */
static int clearly(float v)
{
    return v >= .64f ? 1 : v <= .36f ? -1 : 0;
}

/* The place of a colour on its closed row; -1 between two. */
static int named(float hue, int n)
{
    float nearest = floorf(hue + .5f);
    return fabsf(hue - nearest) <= .25f ? (int)nearest % n : -1;
}

typedef struct {
    int girth, length, fin, eye;                    /* 1, -1, 0: not said */
    int colour, second, pattern, tail, shape, neon; /* -1: not said */
    int ball;                                       /* as wide as long */
    int spikes, armed;                              /* 1 yes, -1 no, 0: not said */
    int posed, facing, water, tilt, bend, far;      /* posed: not as it usually is; -1: not said */
} facts;

/* What is said of the fish's place and pose. */
enum { LEFT, RIGHT };
enum { UP, DOWN };

static facts facts_of(const float *p)
{
    facts f;
    f.girth = clearly(p[GIRTH]);
    f.length = clearly(p[LENGTH]);
    f.ball = f.girth > 0 && f.length < 0;
    f.fin = p[SPIKES] < .05f ? clearly(p[FIN]) : 0;
    f.eye = clearly(p[EYE]);
    f.colour = named(p[COLOUR], FISH_COLOURS);
    f.second = named(p[SECOND], FISH_COLOURS);
    if (f.colour < 0 || f.second == f.colour)
        f.second = -1;
    f.pattern = p[ARMED] < .05f ? (int)p[PATTERN] : -1;
    f.tail = (int)p[TAIL];
    f.shape = f.fin > 0 ? (int)p[SHAPE] : -1;
    f.neon = p[ARMED] >= .5f ? named(p[NEON], FISH_NEONS) : -1;
    f.spikes = p[SPIKES] >= .5f ? 1 : p[SPIKES] < .05f ? -1 : 0;
    f.armed = p[ARMED] >= .5f ? 1 : p[ARMED] < .05f ? -1 : 0;
    f.posed = p[FACING] > 0 || p[WATER] > 0 || p[BEND] > 0 || p[TILT] < 0 || p[TILT] > 0 ||
              p[SCALE] < 1 || p[SCALE] > 1;
    f.facing = f.posed ? (int)p[FACING] : -1;
    f.water = f.posed ? (int)p[WATER] : -1;
    f.tilt = p[TILT] >= .4f ? UP : p[TILT] <= -.4f ? DOWN : -1;
    f.bend = p[BEND] >= .5f ? 1 : -1;
    f.far = p[SCALE] <= .75f ? 1 : -1;
    return f;
}

static int says_nothing(const facts *f)
{
    return !f->girth && !f->length && !f->fin && !f->eye && !f->spikes && !f->armed &&
           f->colour < 0 && f->pattern < 0 && f->tail < 0 && f->neon < 0;
}

/* How the fish lies in its picture; of one that lies as it usually does nothing is said. */
static void choose_place(facts *f, rule_chance *r, double often)
{
    f->facing = rule_luck(r, .5 * often) ? f->facing : -1;
    f->water = rule_luck(r, (f->water == PAPER_SHEET ? .1 : .75) * often) ? f->water : -1;
    f->tilt = rule_luck(r, .7 * often) ? f->tilt : -1;
    f->bend = rule_luck(r, .6 * often) ? f->bend : -1;
    f->far = rule_luck(r, .6 * often) ? f->far : -1;
}

/* Leaves out what this sentence does not say. */
static void choose(facts *f, rule_chance *r)
{
    rule_chance place = {
        ~r->state}; /* its own: the rest is said as it was before there were poses */
    int brief = rule_luck(r, .25), keep = rule_below(r, 4);
    double often = brief ? .1 : .82;
    facts all = *f;
    if (f->posed)
        choose_place(f, &place, often);
    f->girth *= rule_luck(r, often);
    f->length *= rule_luck(r, often);
    f->fin *= rule_luck(r, often);
    f->eye *= rule_luck(r, often);
    f->colour = rule_luck(r, often) ? f->colour : -1;
    f->second = f->colour >= 0 && rule_luck(r, often) ? f->second : -1;
    f->pattern = rule_luck(r, often) ? f->pattern : -1;
    f->tail = rule_luck(r, often) ? f->tail : -1;
    f->shape = f->fin && rule_luck(r, .6) ? f->shape : -1;
    f->neon = rule_luck(r, often) ? f->neon : -1;
    f->spikes *= rule_luck(r, f->spikes < 0 ? .12 * often : often);
    f->armed *= rule_luck(r, f->armed < 0 ? .2 * often : brief ? .5 : .9);
    if (brief && (keep == 0 || keep == 1))
        f->colour = all.colour;
    if (brief && keep == 0)
        f->girth = all.girth;
    if (brief && (keep == 1 || keep == 2))
        f->armed = all.armed > 0 ? 1 : f->armed;
    if (brief && keep == 2)
        f->pattern = all.pattern;
    if (brief && keep == 3)
        f->length = all.length;
    if (says_nothing(f))
        f->colour = all.colour;
}

/* ---- pieces of a sentence in any order */

#define PIECES 12
#define PIECE 100

typedef struct {
    char text[PIECES][PIECE];
    int n;
} pieces;

static void add(pieces *p, const char *a, const char *b, const char *c)
{
    rule_text t = {p->text[p->n], 0};
    if (p->n == PIECES || strlen(a) + strlen(b) + strlen(c) >= PIECE)
        return;
    rule_say(&t, a);
    rule_say(&t, b);
    rule_say(&t, c);
    p->n++;
}

static void shuffle(pieces *p, rule_chance *r)
{
    for (int i = p->n - 1; i > 0; i--) {
        int k = rule_below(r, i + 1);
        char held[PIECE];
        memcpy(held, p->text[i], PIECE);
        memmove(p->text[i], p->text[k], PIECE);
        memcpy(p->text[k], held, PIECE);
    }
}

static void say_all(rule_text *t, const pieces *p, const char *between, const char *last)
{
    for (int i = 0; i < p->n; i++) {
        if (i)
            rule_say(t, i == p->n - 1 ? last : between);
        rule_say(t, p->text[i]);
    }
}

/* ---- English */

static const char *const en_colours[] = {"red",  "orange", "yellow", "green",
                                         "blue", "purple", "pink",   "brown"};
static const char *const en_neons[] = {"cyan", "magenta", "amber", "green"};
static const char *const en_tails[] = {"forked", "round", "fan-shaped", "pointed"};

static void en_body(const facts *f, rule_chance *r, pieces *before, pieces *with)
{
    const char *fat =
        f->girth > 0 ? RULE_ONE_OF(r, "fat", "fat", "plump", "chubby", f->ball ? "round" : "stout")
                     : RULE_ONE_OF(r, "thin", "thin", "slim", "slender", "skinny");
    const char *length = f->length > 0 ? RULE_ONE_OF(r, "long", "long", "elongated")
                                       : RULE_ONE_OF(r, "short", "short", "stubby");
    int fat_before = rule_luck(r, .75), length_before = rule_luck(r, .75);
    char words[40] = "";
    if (f->girth && fat_before)
        add(before, fat, "", "");
    if (f->length && length_before)
        add(before, length, "", "");
    if (f->girth && f->length && !fat_before && !length_before)
        snprintf(words, sizeof(words), "%s and %s", length, fat);
    else if (f->girth && !fat_before)
        snprintf(words, sizeof(words), "%s", fat);
    else if (f->length && !length_before)
        snprintf(words, sizeof(words), "%s", length);
    if (*words)
        add(with, *words == 'e' ? "an " : "a ", words, " body");
}

static void en_pattern(const facts *f, rule_chance *r, pieces *before, pieces *with)
{
    static const char *const short_form[] = {"plain", "striped", "spotted", "scaly"};
    int first = rule_luck(r, .5);
    if (f->pattern < 0)
        return;
    if (f->pattern == PLAIN || first)
        add(before, short_form[f->pattern], "", "");
    else if (f->pattern == STRIPES)
        add(with, RULE_ONE_OF(r, "stripes", "bold stripes", "three stripes"), "", "");
    else if (f->pattern == SPOTS)
        add(with, RULE_ONE_OF(r, "spots", "dots", "round spots"), "", "");
    else
        add(with, RULE_ONE_OF(r, "scales", "a coat of scales"), "", "");
}

static void en_fins(const facts *f, rule_chance *r, pieces *with)
{
    if (f->second >= 0)
        add(with, en_colours[f->second], " fins", "");
    if (f->tail >= 0) {
        const char *tail = f->tail == FAN ? RULE_ONE_OF(r, "fan-shaped", "fan") : en_tails[f->tail];
        add(with, "a ", tail, " tail");
    }
    if (f->fin) {
        const char *fin = RULE_ONE_OF(r, "dorsal fin", "fin", "back fin");
        const char *shape = f->shape < 0 ? "" : f->shape ? "swept " : "arched ";
        if (f->fin > 0)
            add(with, RULE_ONE_OF(r, "a tall ", "a tall ", "a high "), shape, fin);
        else
            add(with, RULE_ONE_OF(r, "a low ", "a low ", "a small "), fin, "");
    }
}

static void en_spikes(const facts *f, rule_chance *r, pieces *before, pieces *with)
{
    if (f->spikes > 0 && rule_luck(r, .4))
        add(before, RULE_ONE_OF(r, "spiky", "spiny"), "", "");
    else if (f->spikes > 0)
        add(with,
            RULE_ONE_OF(r, "spikes", "long spikes", "lionfish spikes", "the spines of a lionfish"),
            "", "");
    else if (f->spikes < 0)
        add(with, "no spikes", "", "");
}

static void en_eye(const facts *f, rule_chance *r, pieces *with)
{
    const char *eye = rule_luck(r, .8) || f->armed <= 0 ? "eye" : "glowing eye";
    if (f->eye > 0)
        add(with, RULE_ONE_OF(r, "a big ", "a big ", "a large "), eye, "");
    else if (f->eye < 0)
        add(with, RULE_ONE_OF(r, "a small ", "a small ", "a tiny "), eye, "");
}

static void en_arms(const facts *f, rule_chance *r, pieces *with)
{
    const char *lines = RULE_ONE_OF(r, " neon lines", " neon", " neon lights");
    if (f->armed > 0 && rule_luck(r, .3))
        add(with,
            RULE_ONE_OF(r, "steel plates", "armour plates", "metal plates and rivets", "a cannon",
                        "dark metal armour"),
            "", "");
    if (f->neon >= 0)
        add(with, en_neons[f->neon], lines, "");
}

static void en_pose(const facts *f, rule_chance *r, pieces *after)
{
    if (f->facing >= 0)
        add(after, RULE_ONE_OF(r, "facing ", "looking to the ", "facing "),
            f->facing ? "right" : "left", "");
    if (f->tilt == UP)
        add(after, RULE_ONE_OF(r, "rising", "swimming upwards"), "", "");
    else if (f->tilt == DOWN)
        add(after, RULE_ONE_OF(r, "diving", "swimming downwards"), "", "");
    if (f->bend > 0)
        add(after, RULE_ONE_OF(r, "bending its body", "turning"), "", "");
    if (f->far > 0)
        add(after, RULE_ONE_OF(r, "far away", "in the distance"), "", "");
}

static const char *en_water(const facts *f, rule_chance *r)
{
    switch (f->water) {
    case PAPER_SHEET:
        return RULE_ONE_OF(r, " on paper", " on pale paper");
    case DEEP:
        return RULE_ONE_OF(r, " in the deep sea", " in deep blue water", " under water");
    case POND:
        return RULE_ONE_OF(r, " in a pond", " in a green pond", " among water lilies");
    case DUSK:
        return RULE_ONE_OF(r, " at dusk", " at sunset", " in the evening sun");
    case INK:
        return RULE_ONE_OF(r, " in black water", " at night", " on black ink");
    case WAVES:
        return RULE_ONE_OF(r, " in the waves", " among waves", " on a sea of waves");
    default:
        return "";
    }
}

static const char *en_what(const facts *f, rule_chance *r)
{
    if (f->armed > 0)
        return RULE_ONE_OF(r, "cyberpunk fish", "cyberpunk fish", "cyberpunk fish", "fish",
                           "cyborg fish");
    return "fish";
}

static void en_caption(const facts *f, rule_chance *r, rule_text *t)
{
    pieces before = {.n = 0}, with = {.n = 0}, pose = {.n = 0};
    const char *intro = RULE_ONE_OF(r, "", "", "", "", "a drawing of ", "a picture of ");
    en_body(f, r, &before, &with);
    en_pattern(f, r, &before, &with);
    en_spikes(f, r, &before, &with);
    if (f->armed)
        add(&before,
            f->armed < 0 ? RULE_ONE_OF(r, "unarmed", "natural", "ordinary")
                         : RULE_ONE_OF(r, "armed", "armed", "armed", "armoured"),
            "", "");
    shuffle(&before, r);
    if (f->colour >= 0)
        add(&before, en_colours[f->colour], "", "");
    if (before.n > 2 && rule_luck(r, .3))
        shuffle(&before, r);
    add(&before, en_what(f, r), "", "");
    en_fins(f, r, &with);
    en_eye(f, r, &with);
    en_arms(f, r, &with);
    shuffle(&with, r);
    rule_say(t, intro);
    rule_say(t, strchr("aeiou", before.text[0][0]) ? "an " : "a ");
    say_all(t, &before, " ", " ");
    if (with.n)
        rule_say(t, " with ");
    say_all(t, &with, ", ", " and ");
    en_pose(f, r, &pose);
    shuffle(&pose, r);
    if (pose.n)
        rule_say(t, with.n ? ", " : " ");
    say_all(t, &pose, ", ", " and ");
    if (f->water >= 0 && with.n && !pose.n)
        rule_say(t, ",");
    rule_say(t, en_water(f, r));
}

/* ---- Chinese */

static const char *const zh_colours[] = {"红", "橙", "黄", "绿", "蓝", "紫", "粉", "棕"};
static const char *const zh_neons[] = {"青色", "品红色", "琥珀色", "绿色"};

static void zh_body(const facts *f, rule_chance *r, pieces *before, pieces *after)
{
    if (f->girth && rule_luck(r, .7))
        add(before,
            f->girth > 0 ? RULE_ONE_OF(r, "胖胖的", "胖胖的", "圆滚滚的", "肥肥的")
                         : RULE_ONE_OF(r, "瘦瘦的", "瘦瘦的", "苗条的", "细细的"),
            "", "");
    else if (f->girth)
        add(after,
            f->girth > 0 ? RULE_ONE_OF(r, "身体很胖", "身子胖胖的")
                         : RULE_ONE_OF(r, "身体很瘦", "身子瘦瘦的"),
            "", "");
    if (f->length && rule_luck(r, .7))
        add(before,
            f->length > 0 ? RULE_ONE_OF(r, "长长的", "修长的") : RULE_ONE_OF(r, "短短的", "短小的"),
            "", "");
    else if (f->length)
        add(after, f->length > 0 ? "身体很长" : "身体很短", "", "");
}

static void zh_pattern(const facts *f, rule_chance *r, pieces *before, pieces *after)
{
    int first = rule_luck(r, .6);
    pieces *where = first ? before : after;
    const char *of = first ? "的" : "";
    if (f->pattern == PLAIN)
        add(where, first ? RULE_ONE_OF(r, "素色", "没有花纹", "朴素") : "身上没有花纹", of, "");
    else if (f->pattern == STRIPES)
        add(where, first ? RULE_ONE_OF(r, "条纹", "有条纹", "带条纹") : "身上有条纹", of, "");
    else if (f->pattern == SPOTS)
        add(where, first ? RULE_ONE_OF(r, "有斑点", "有斑点", "带斑点") : "身上有斑点", of, "");
    else if (f->pattern == SCALES)
        add(where, first ? RULE_ONE_OF(r, "有鳞片", "带鳞片", "长着鳞片") : "身上有鳞片", of, "");
}

static void zh_fins(const facts *f, rule_chance *r, pieces *after)
{
    static const char *const tails[][2] = {{"尾巴分叉", "分叉的尾巴"},
                                           {"尾巴圆圆的", "圆尾巴"},
                                           {"尾巴像扇子", "扇形的尾巴"},
                                           {"尾巴尖尖的", "尖尾巴"}};
    if (f->second >= 0)
        add(after, RULE_ONE_OF(r, "鱼鳍是", "鳍是"), zh_colours[f->second], "色的");
    if (f->tail >= 0)
        add(after, tails[f->tail][rule_below(r, 2)], "", "");
    if (f->fin > 0)
        add(after,
            f->shape < 0 ? ""
            : f->shape   ? "后掠的"
                         : "拱形的",
            RULE_ONE_OF(r, "背鳍很高", "背鳍高高的"), "");
    else if (f->fin < 0)
        add(after, RULE_ONE_OF(r, "背鳍很低", "背鳍矮矮的"), "", "");
    if (f->eye > 0)
        add(after, RULE_ONE_OF(r, "眼睛很大", "大眼睛", "眼睛大大的"), "", "");
    else if (f->eye < 0)
        add(after, RULE_ONE_OF(r, "眼睛很小", "小眼睛", "眼睛小小的"), "", "");
}

static void zh_spikes(const facts *f, rule_chance *r, pieces *before, pieces *after)
{
    if (f->spikes > 0 && rule_luck(r, .4))
        add(before, RULE_ONE_OF(r, "带刺的", "长满尖刺的"), "", "");
    else if (f->spikes > 0)
        add(after, RULE_ONE_OF(r, "满身尖刺", "长着狮子鱼的刺", "身上有长刺"), "", "");
    else if (f->spikes < 0)
        add(after, "没有刺", "", "");
}

static void zh_arms(const facts *f, rule_chance *r, pieces *before, pieces *after)
{
    const char *lines = RULE_ONE_OF(r, "霓虹线", "霓虹灯", "霓虹");
    if (f->armed < 0)
        add(before, RULE_ONE_OF(r, "没有武装的", "普通的"), "", "");
    if (f->armed > 0)
        add(before, RULE_ONE_OF(r, "武装起来的", "武装起来的", "武装的", "全副武装的"), "", "");
    if (f->armed > 0 && rule_luck(r, .3))
        add(after, RULE_ONE_OF(r, "披着钢板", "有金属装甲和铆钉", "带着一门炮", "眼睛发光"), "",
            "");
    if (f->neon >= 0)
        add(after, RULE_ONE_OF(r, "有", "带着", "闪着"), zh_neons[f->neon], lines);
}

static void zh_pose(const facts *f, rule_chance *r, pieces *after)
{
    if (f->facing >= 0)
        add(after, RULE_ONE_OF(r, "头朝", "面向", "朝着"), f->facing ? "右" : "左", "边");
    if (f->tilt == UP)
        add(after, RULE_ONE_OF(r, "向上游", "往上游去"), "", "");
    else if (f->tilt == DOWN)
        add(after, RULE_ONE_OF(r, "向下游", "往下潜"), "", "");
    if (f->bend > 0)
        add(after, RULE_ONE_OF(r, "弯着身子", "摆着尾巴"), "", "");
    if (f->far > 0)
        add(after, RULE_ONE_OF(r, "离得很远", "在远处"), "", "");
}

static const char *zh_water(const facts *f, rule_chance *r)
{
    switch (f->water) {
    case PAPER_SHEET:
        return RULE_ONE_OF(r, "纸上的", "浅色纸上的");
    case DEEP:
        return RULE_ONE_OF(r, "深海里的", "蓝色深水里的", "水下的");
    case POND:
        return RULE_ONE_OF(r, "池塘里的", "绿色池塘里的", "睡莲间的");
    case DUSK:
        return RULE_ONE_OF(r, "黄昏里的", "日落时的", "夕阳里的");
    case INK:
        return RULE_ONE_OF(r, "黑水里的", "夜里的", "墨色水里的");
    case WAVES:
        return RULE_ONE_OF(r, "波浪里的", "海浪间的", "浪花里的");
    default:
        return "";
    }
}

static void zh_caption(const facts *f, rule_chance *r, rule_text *t)
{
    pieces before = {.n = 0}, after = {.n = 0};
    int bare; /* 红鱼 rather than 红色的鱼 */
    const char *begins;
    zh_body(f, r, &before, &after);
    zh_pattern(f, r, &before, &after);
    zh_spikes(f, r, &before, &after);
    zh_fins(f, r, &after);
    zh_arms(f, r, &before, &after);
    zh_pose(f, r, &after);
    shuffle(&before, r);
    shuffle(&after, r);
    bare = rule_luck(r, .5);
    begins = RULE_ONE_OF(r, "一条", "一条", "一条", "画着一条");
    rule_say(t, f->water >= 0 ? zh_water(f, r) : "");
    rule_say(t, f->water >= 0 ? "一条" : begins);
    say_all(t, &before, "", "");
    if (f->colour >= 0) {
        rule_say(t, zh_colours[f->colour]);
        rule_say(t, bare && f->armed <= 0 ? "" : f->armed > 0 ? "色" : "色的");
    }
    if (f->armed > 0)
        rule_say(t, RULE_ONE_OF(r, "赛博朋克鱼", "赛博朋克鱼", "赛博朋克鱼", "机甲鱼"));
    else
        rule_say(t, "鱼");
    for (int i = 0; i < after.n; i++) {
        rule_say(t, i ? "，" : RULE_ONE_OF(r, "，", "，", "："));
        rule_say(t, after.text[i]);
    }
}

void fish_caption(const float *p, rule_chance *r, latent_language language, rule_text *t)
{
    facts f = facts_of(p);
    choose(&f, r);
    if (language == LATENT_CHINESE)
        zh_caption(&f, r, t);
    else
        en_caption(&f, r, t);
}
