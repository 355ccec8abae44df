/* idiom: what Chinese sayings tell of fish, drawn as what their words show: two fish and a lotus
   for "surplus year after year", since 余, surplus, and 鱼, fish, sound alike.  For networks that
   read: words that mean more than they show, with what they show beside them.  The fish are those
   of the rule fish (fish.c), the things around them are in idiom_things.c. */
#include "idiom.h"
#include "fish.h"
#include <math.h>

#define PI 3.14159265358979323846

enum { IDIOM, HUE, OTHER, COAT, BODY, BEAT, TINT, SIDE, PARAMS };

static const latent_rule_param params[PARAMS] = {
    [IDIOM] = {"idiom", 0, 22, 1,
               "ruyudeshui niannianyouyu yuyuelongmen chenyuluoyan shuizhonglaoyue hunshuimoyu "
               "yuanmuqiuyu yumuhunzhu louwangzhiyu chiyuzhiyang yuyoufuzhong shuiqingwuyu "
               "yuguanerru yuanzheshanggou dayuchixiaoyu yulonghunza xiangruyimo hezhezhifu "
               "yuxilianye yuanfeiyuyue yuchuanchisu yinyangyu yushuiqingshen"},
    [HUE] = {"colour", 0, FISH_COLOURS, 0, NULL},  /* of the first fish */
    [OTHER] = {"other", 0, FISH_COLOURS, 1, NULL}, /* of the second */
    [COAT] = {"pattern", 0, 3, SCALES, "plain stripes spots scales"},
    [BODY] = {"girth", 0, 1, 0.5f, NULL},
    [BEAT] = {"swim", 0, 1, 0, NULL}, /* where in one beat of their tails: around */
    [TINT] = {"paper", 0, 1, 0, NULL},
    [SIDE] = {"facing", 0, 1, 0, "left right"},
};

static const rgb cream = {.97, .93, .84}, sand = {.90, .78, .56}, sea = {.35, .62, .72},
                 deep = {.10, .28, .46}, night = {.08, .11, .22}, sky = {.78, .89, .93},
                 pond = {.55, .74, .62}, moonlight = {.98, .95, .78}, festive = {.97, .85, .55},
                 dusk = {.96, .70, .52}, foam = {.95, .98, .98}, mud = {.62, .50, .34};

typedef struct {
    cairo_t *c;
    const float *p;
    int mask;
} sheet;

static void ground(const sheet *s, rgb above, rgb below)
{
    double warm = .03 * cos(2 * PI * s->p[TINT]), cold = .03 * sin(2 * PI * s->p[TINT]);
    rgb a = {fmin(above.r + warm, 1), above.g, fmin(above.b + cold, 1)},
        b = {fmin(below.r + warm, 1), below.g, fmin(below.b + cold, 1)};
    if (!s->mask)
        idiom_ground(s->c, a, b);
}

/* A fish with its middle at x and y; angle: degrees that its nose is up; which: 0 or 1, and so its
   colour. */
static void fish_at(const sheet *s, double x, double y, double scale, double angle, int right,
                    int which, double bend)
{
    float p[FISH_PARAMS];
    latent_rule_usual(&latent_rule_fish, p);
    p[COLOUR] = which ? s->p[OTHER] : s->p[HUE];
    p[SECOND] = which ? s->p[OTHER] : s->p[HUE];
    p[PATTERN] = s->p[COAT];
    p[GIRTH] = .15f + .6f * s->p[BODY];
    p[LENGTH] = .7f;
    p[EYE] = .9f;
    p[FIN] = .35f;
    p[TAIL] = which ? FAN : FORKED;
    p[FACING] = (float)right;
    p[BEND] = (float)bend;
    p[SWIM] = s->p[BEAT] + .35f * (float)which;
    cairo_save(s->c);
    cairo_translate(s->c, x, y);
    cairo_rotate(s->c, (right ? -angle : angle) * PI / 180);
    cairo_scale(s->c, scale, scale);
    cairo_translate(s->c, -32, -33);
    fish_paint(s->c, p, 0, fmin(1 / sqrt(scale), 1.6));
    cairo_restore(s->c);
}

/* ---- what each shows */

static void in_its_element(const sheet *s)
{
    ground(s, sky, sky);
    idiom_water(s->c, 15, 5, sea);
    fish_at(s, 31, 38, .78, 8, 0, 0, .5);
    for (int i = 0; i < 4; i++)
        idiom_rings(s->c, 8 + 3 * i, 26 - 4 * i, 1.2 + .4 * i, 1, foam);
}

static void surplus(const sheet *s)
{
    ground(s, festive, cream);
    idiom_leaf(s->c, 13, 27, 10, .6);
    idiom_leaf(s->c, 52, 29, 9, 2.4);
    idiom_lotus(s->c, 32, 24, 13);
    fish_at(s, 19, 46, .5, 28, 1, 0, .7);
    fish_at(s, 45, 46, .5, 28, 0, 1, .7);
}

static void dragon_gate(const sheet *s)
{
    ground(s, dusk, cream);
    idiom_gate(s->c, 21, 53, 14.5);
    fish_at(s, 45, 21, .52, 42, 0, 0, .75);
    idiom_water(s->c, 50, 4.5, sea);
}

static void sinking_falling(const sheet *s)
{
    ground(s, cream, sky);
    idiom_bird(s->c, 34, 18, 12, .65, (rgb){.62, .52, .44});
    idiom_water(s->c, 34, 3.5, sea);
    fish_at(s, 28, 49, .48, -38, 0, 0, .4);
}

static void moon_in_the_water(const sheet *s)
{
    ground(s, night, deep);
    idiom_disc(s->c, 44, 14, 8, moonlight);
    idiom_water(s->c, 30, 2, deep);
    idiom_moonlight(s->c, 44, 34, 8, moonlight);
    fish_at(s, 20, 45, .5, 20, 1, 0, .5);
}

static void muddy(const sheet *s)
{
    ground(s, mud, rule_mix(mud, night, .3));
    fish_at(s, 32, 33, .8, -6, 0, 0, .5);
    idiom_mud(s->c, s->p[TINT]);
}

static void up_a_tree(const sheet *s)
{
    ground(s, sky, cream);
    idiom_tree(s->c, 32, 62, 21);
    fish_at(s, 32, 26, .5, 14, 0, 0, .3);
}

static void eyes_and_pearls(const sheet *s)
{
    ground(s, sky, sea);
    fish_at(s, 32, 22, .72, 0, 0, 0, .2);
    for (int i = 0; i < 5; i++)
        idiom_pearl(s->c, 10 + 11 * i, 52 + 3 * cos(PI * (i - 2) / 2.5), 4.6);
}

static void through_the_net(const sheet *s)
{
    ground(s, sky, sea);
    idiom_net(s->c, 42, 12, 19, 36);
    fish_at(s, 19, 44, .58, 6, 0, 0, .6);
}

static void fire_and_pond(const sheet *s)
{
    ground(s, dusk, festive);
    for (int i = 0; i < 4; i++)
        idiom_flame(s->c, 9 + 15.5 * i, 32, 9 + 3 * (i & 1));
    idiom_water(s->c, 33, 3, sea);
    fish_at(s, 32, 49, .58, -4, 0, 0, .4);
}

static void in_the_pot(const sheet *s)
{
    ground(s, cream, sand);
    idiom_flame(s->c, 22, 62, 6);
    idiom_flame(s->c, 33, 63, 7);
    idiom_flame(s->c, 44, 62, 6);
    fish_at(s, 32, 24, .62, 10, 0, 0, .6);
    idiom_pot(s->c, 32, 34, 23);
}

static void too_clear(const sheet *s)
{
    ground(s, (rgb){.90, .97, .97}, (rgb){.62, .85, .88});
    idiom_rings(s->c, 22, 20, 15, 3, foam);
    idiom_rings(s->c, 46, 33, 11, 3, foam);
    for (int i = 0; i < 5; i++)
        idiom_stone(s->c, 7 + 12.5 * i, 56 - 3 * (i & 1), 5 + (i % 3));
}

static void in_a_row(const sheet *s)
{
    ground(s, sky, sea);
    for (int i = 0; i < 4; i++)
        fish_at(s, 11 + 14.5 * i, 14 + 12.5 * i, .34, 38, 0, i & 1, .4);
}

static void bites(const sheet *s)
{
    ground(s, sky, deep);
    idiom_water(s->c, 12, 2.5, sea);
    idiom_hook(s->c, 19, 38);
    fish_at(s, 39, 43, .62, 14, 0, 0, .5);
}

static void big_and_small(const sheet *s)
{
    ground(s, sky, deep);
    fish_at(s, 42, 34, .68, 0, 0, 0, .3);
    fish_at(s, 10, 36, .26, 8, 0, 1, .5);
    idiom_rings(s->c, 8, 20, 2, 1, foam);
}

static void with_dragons(const sheet *s)
{
    ground(s, cream, sky);
    idiom_dragon(s->c, 31);
    idiom_water(s->c, 40, 4, sea);
    fish_at(s, 20, 53, .36, 10, 0, 0, .5);
    fish_at(s, 46, 52, .36, -8, 1, 1, .5);
}

static void on_dry_land(const sheet *s)
{
    ground(s, festive, sand);
    idiom_cracks(s->c, 36);
    fish_at(s, 17, 36, .5, 10, 1, 0, .3);
    fish_at(s, 47, 36, .5, 10, 0, 1, .3);
    for (int i = 0; i < 3; i++)
        idiom_pearl(s->c, 32 + 2.5 * (i - 1), 24 - 5 * i, 1.7 + .4 * i);
}

static void in_a_dry_rut(const sheet *s)
{
    ground(s, dusk, sand);
    idiom_disc(s->c, 50, 13, 8, (rgb){.92, .28, .14});
    idiom_cracks(s->c, 30);
    fish_at(s, 29, 40, .7, -8, 0, 0, .7);
}

static void among_leaves(const sheet *s)
{
    ground(s, pond, rule_mix(pond, deep, .4));
    fish_at(s, 24, 24, .5, 24, 0, 0, .6);
    fish_at(s, 44, 45, .5, 20, 1, 1, .6);
    idiom_leaf(s->c, 50, 13, 13, .5);
    idiom_leaf(s->c, 13, 50, 14, 2.2);
    idiom_leaf(s->c, 57, 58, 9, 4);
    idiom_leaf(s->c, 6, 8, 8, 3);
}

static void flies_and_leaps(const sheet *s)
{
    ground(s, sky, cream);
    idiom_disc(s->c, 14, 15, 7, (rgb){.93, .40, .22});
    idiom_bird(s->c, 44, 19, 12, -.35, (rgb){.45, .36, .32});
    fish_at(s, 27, 38, .52, 50, 0, 0, .8);
    idiom_water(s->c, 52, 4, sea);
}

static void with_a_letter(const sheet *s)
{
    ground(s, sky, sea);
    fish_at(s, 38, 37, .72, 6, 0, 0, .4);
    idiom_letter(s->c, 12, 29, 9.5);
}

static void circling(const sheet *s)
{
    ground(s, cream, cream);
    idiom_disc(s->c, 32, 32, 28, rule_mix(sea, foam, .55));
    idiom_rings(s->c, 32, 32, 7, 2, foam);
    fish_at(s, 31, 19, .66, -16, 0, 0, .9);
    cairo_save(s->c);
    cairo_translate(s->c, 32, 32);
    cairo_rotate(s->c, PI);
    cairo_translate(s->c, -32, -32);
    fish_at(s, 31, 19, .66, -16, 0, 1, .9);
    cairo_restore(s->c);
}

static void close_friends(const sheet *s)
{
    ground(s, sky, sea);
    idiom_heart(s->c, 32, 15, 7.5);
    fish_at(s, 17, 37, .5, 16, 1, 0, .5);
    fish_at(s, 47, 37, .5, 16, 0, 1, .5);
    idiom_water(s->c, 54, 4, rule_mix(sea, deep, .3));
}

/* In the order of the words of IDIOM. */
static const struct {
    void (*draw)(const sheet *s);
    const char *said[2]; /* in English what the four characters mean */
    const char *seen[2]; /* what is to be seen */
    int fish;
} idioms[] = {
    {in_its_element,
     {"like a fish in water", "如鱼得水"},
     {"a happy fish in the waves", "一条快乐的鱼在波浪里"},
     1},
    {surplus,
     {"surplus year after year", "年年有余"},
     {"two fish and a lotus", "两条鱼和一朵莲花"},
     2},
    {dragon_gate,
     {"a fish leaps over the dragon gate", "鱼跃龙门"},
     {"a leaping fish and a red gate", "一条跃起的鱼和一座红门"},
     1},
    {sinking_falling,
     {"fish sink and geese fall from the sky", "沉鱼落雁"},
     {"a diving fish and a wild goose", "一条下潜的鱼和一只大雁"},
     1},
    {moon_in_the_water,
     {"reaching for the moon in the water", "水中捞月"},
     {"a fish and the moon", "一条鱼和月亮"},
     1},
    {muddy, {"fishing in muddy water", "浑水摸鱼"}, {"a fish in muddy water", "浑水里的一条鱼"}, 1},
    {up_a_tree,
     {"climbing a tree to find a fish", "缘木求鱼"},
     {"a fish in a tree", "树上的一条鱼"},
     1},
    {eyes_and_pearls,
     {"fish eyes among pearls", "鱼目混珠"},
     {"a fish and five pearls", "一条鱼和五颗珍珠"},
     1},
    {through_the_net,
     {"the fish that slipped through the net", "漏网之鱼"},
     {"a fish beside a net", "渔网边的一条鱼"},
     1},
    {fire_and_pond,
     {"the fish in the pond suffer from the fire", "池鱼之殃"},
     {"fire over the water and a fish", "水上的火和一条鱼"},
     1},
    {in_the_pot,
     {"a fish that swims in the pot", "鱼游釜中"},
     {"a fish in a pot over a fire", "火上锅里的一条鱼"},
     1},
    {too_clear,
     {"no fish in water that is too clear", "水清无鱼"},
     {"clear water and stones", "清清的水和石头"},
     0},
    {in_a_row,
     {"one after another like fish", "鱼贯而入"},
     {"four fish in a row", "排成一行的四条鱼"},
     2},
    {bites,
     {"the willing one takes the hook", "愿者上钩"},
     {"a fish and a hook", "一条鱼和鱼钩"},
     1},
    {big_and_small,
     {"the big fish eats the small fish", "大鱼吃小鱼"},
     {"a big fish and a small fish", "一条大鱼和一条小鱼"},
     2},
    {with_dragons,
     {"fish and dragons mixed", "鱼龙混杂"},
     {"two fish and a dragon", "两条鱼和一条龙"},
     2},
    {on_dry_land,
     {"moistening each other with foam", "相濡以沫"},
     {"two fish on dry land", "旱地上的两条鱼"},
     2},
    {in_a_dry_rut,
     {"a fish in a dry rut", "涸辙之鲋"},
     {"a fish on cracked earth under the sun", "烈日下裂开的地上的一条鱼"},
     1},
    {among_leaves,
     {"fish play among lotus leaves", "鱼戏莲叶"},
     {"two fish among green leaves", "绿叶间的两条鱼"},
     2},
    {flies_and_leaps,
     {"kites fly and fish leap", "鸢飞鱼跃"},
     {"a bird and a leaping fish", "一只鸟和一条跃起的鱼"},
     1},
    {with_a_letter,
     {"a fish brings a letter", "鱼传尺素"},
     {"a fish and a letter", "一条鱼和一封信"},
     1},
    {circling,
     {"the two fish of yin and yang", "阴阳鱼"},
     {"two fish in a circle", "围成一圈的两条鱼"},
     2},
    {close_friends,
     {"close as fish and water", "鱼水情深"},
     {"two fish and a heart", "两条鱼和一颗心"},
     2},
};

static int draw(cairo_t *c, const rule_scene *scene)
{
    sheet s = {c, scene->p, scene->s.mask};
    cairo_save(c);
    if (scene->p[SIDE] > .5f) {
        cairo_translate(c, 64, 0);
        cairo_scale(c, -1, 1);
    }
    idioms[(int)scene->p[IDIOM]].draw(&s);
    cairo_restore(c);
    return 0;
}

/* ---- chance and words */

static float place(rule_chance *r, int n)
{
    double v = rule_below(r, n) + rule_between(r, -.12, .12);
    return (float)(v < 0 ? v + n : v);
}

static void by_chance(rule_chance *r, float *p)
{
    p[IDIOM] = (float)rule_below(r, (int)(sizeof(idioms) / sizeof(*idioms)));
    p[HUE] = place(r, FISH_COLOURS);
    p[OTHER] = place(r, FISH_COLOURS);
    p[COAT] = (float)rule_below(r, 4);
    p[BODY] = (float)rule_uniform(r);
    p[BEAT] = (float)rule_uniform(r);
    p[TINT] = (float)rule_uniform(r);
    p[SIDE] = (float)rule_below(r, 2);
}

static void caption(const float *p, rule_chance *r, latent_language language, rule_text *t)
{
    static const char *const colours[2][FISH_COLOURS] = {
        {"red", "orange", "yellow", "green", "blue", "purple", "pink", "brown"},
        {"红", "橙", "黄", "绿", "蓝", "紫", "粉", "棕"}};
    int zh = language == LATENT_CHINESE, how = rule_below(r, 5), i = (int)p[IDIOM];
    const char *colour = colours[zh][(int)floorf(p[HUE] + .5f) % FISH_COLOURS];
    if (how != 1)
        rule_say(t, idioms[i].said[zh]);
    if (how == 0 || how == 1 || how == 2) {
        rule_say(t, how == 1 ? "" : zh ? "：" : ": ");
        rule_say(t, idioms[i].seen[zh]);
    }
    if (idioms[i].fish == 1 && rule_luck(r, .4)) {
        rule_say(t, zh ? "，" : ", ");
        rule_say(t, zh ? "鱼是" : "the fish is ");
        rule_say(t, colour);
        rule_say(t, zh ? "色的" : "");
    }
}

const latent_rule latent_rule_idiom = {
    .name = "idiom",
    .params = params,
    .count = PARAMS,
    .draw = draw,
    .random = by_chance,
    .caption = caption,
};
