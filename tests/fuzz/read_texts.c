/* read_texts: readers of texts for the fuzzers: JSON, captions, vocabularies, prompts, folders of
   pictures, rules.  See readers.h. */
#include "engine/data/captions.h"
#include "engine/data/dataset.h"
#include "engine/latents/drive.h"
#include "engine/rules/rules.h"
#include "engine/text/bpe.h"
#include "engine/text/clean.h"
#include "engine/text/grams.h"
#include "engine/text/json.h"
#include "readers.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every value, going into all that can be entered. */
static void walk(latent_json *j, int depth)
{
    char text[24], open = latent_json_peek(j);
    double number;
    int n = 0;
    if (open == '"')
        latent_json_string(j, text, sizeof(text));
    else if ((open == '{' || open == '[') && depth < 100) {
        latent_json_enter(j, open);
        while (latent_json_next(j, open, &n, text, sizeof(text)) > 0) {
            const char *at = j->at;
            walk(j, depth + 1);
            if (j->at == at) /* what is none of these */
                break;
        }
    } else
        latent_json_number(j, &number);
    fuzz_check(j->at <= j->end);
}

void fuzz_json(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    latent_json j = {text, text + size};
    latent_json_skip(&j);
    fuzz_check(j.at <= j.end);
    j.at = text;
    walk(&j, 0);
}

void fuzz_captions(const uint8_t *data, size_t size)
{
    char english[LATENT_CAPTION], chinese[LATENT_CAPTION];
    const char *text = (const char *)data;
    latent_captions c = {0};
    latent_error e = {""};
    if (latent_captions_json(&c, text, size, &e))
        fuzz_refused(&e);
    latent_captions_sort(&c);
    for (int i = 0; i < c.n; i++)
        fuzz_check(latent_captions_find(&c, c.list[i].file) == c.list + i &&
                   strlen(c.list[i].english) < LATENT_CAPTION &&
                   strlen(c.list[i].chinese) < LATENT_CAPTION);
    latent_captions_free(&c);
    latent_captions_lines(text, size, english, chinese);
    fuzz_check(strlen(english) < LATENT_CAPTION && strlen(chinese) < LATENT_CAPTION);
}

/* The first letter says which file it is, the two bytes behind it how many tokens the model has
   beyond the least; what follows a byte 0 is the vocab.json beside merges.txt. */
void fuzz_vocabularies(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"words/bpe_simple_vocab_16e6.txt.gz",
                                        "words/bpe_simple_vocab_16e6.txt", "words/tokenizer.json",
                                        "words/merges.txt"};
    const uint8_t *vocab;
    latent_error e = {""};
    latent_bpe *b;
    int which, tokens, numbers[32], found;
    char where[4200];
    size_t n;
    if (size < 3)
        return;
    which = data[0] % 4;
    tokens = 514 + data[1] + (data[2] << 8);
    data += 3;
    size -= 3;
    vocab = which == 3 ? memchr(data, 0, size) : NULL;
    n = vocab ? (size_t)(vocab - data) : size;
    for (int i = 0; i < 4; i++) {
        snprintf(where, sizeof(where), "%s/%s", fuzz_folder(), names[i]);
        remove(where);
    }
    snprintf(where, sizeof(where), "%s/words/vocab.json", fuzz_folder());
    remove(where);
    fuzz_file(names[which], data, n);
    if (vocab)
        fuzz_file("words/vocab.json", vocab + 1, size - n - 1);
    snprintf(where, sizeof(where), "%s/words/", fuzz_folder());
    found = latent_bpe_find(where, tokens, &b, &e);
    fuzz_check(found);
    if (found < 0)
        fuzz_refused(&e);
    else
        for (int i = 0; i < 3; i++) {
            static const char *const texts[] = {"a fish!", "the armed fish's 2 eyes <|endoftext|>",
                                                "\xe9\xb1\xbc"};
            n = (size_t)latent_bpe_encode(b, texts[i], numbers, 32, &e);
            for (size_t k = 0; (int)n > 0 && k < n; k++)
                fuzz_check(numbers[k] >= 0 && numbers[k] < tokens);
        }
    latent_bpe_free(found > 0 ? b : NULL);
}

void fuzz_texts(const uint8_t *data, size_t size)
{
    static const char merges[] = "#version\nf i\ns h</w>\nfi sh</w>\n";
    static latent_bpe *b;
    char *text = fuzz_text(&data, &size), copy[LATENT_CAPTION], where[4200];
    float values[7];
    int numbers[77];
    latent_error e = {""};
    latent_grams g;
    uint32_t *c;
    size_t n;
    if (!b) {
        fuzz_file("tokens/merges.txt", (const uint8_t *)merges, sizeof(merges) - 1);
        snprintf(where, sizeof(where), "%s/tokens/", fuzz_folder());
        fuzz_check(latent_bpe_find(where, 517, &b, &e) == 1);
    }
    fuzz_check((c = latent_clean(text, &n, &e)) != NULL);
    for (size_t i = 0; i < n; i++)
        fuzz_check(c[i] <= 0x10ffff &&
                   latent_is_letter(c[i]) + latent_is_number(c[i]) + latent_is_space(c[i]) < 2);
    free(c);
    if (latent_grams_make(&g, text, 97, 32, &e))
        fuzz_refused(&e);
    else {
        for (int i = 0; i < g.first[g.n]; i++)
            fuzz_check(g.row[i] >= 0 && g.row[i] < 97);
        latent_grams_free(&g);
    }
    if (latent_bpe_encode(b, text, numbers, 77, &e) < 0)
        fuzz_refused(&e);
    latent_drive_letters(text, 7, values);
    for (int i = 0; i < 7; i++)
        fuzz_check(isfinite(values[i]));
    latent_captions_copy(copy, text, strlen(text));
    fuzz_check(strlen(copy) < LATENT_CAPTION);
    free(text);
}

/* index.json, dataset.json and the text beside a picture, with a byte 0 between; the pictures
   themselves are not opened. */
void fuzz_folders(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"set/index.json", "set/dataset.json", "set/carp.txt",
                                        "set/fish/index.json"};
    static const uint8_t some[1];
    atomic_int no = 0;
    latent_error e = {""};
    latent_scan s = {0};
    latent_dataset *set = latent_dataset_new();
    latent_dataset_statistics statistics;
    char where[4200], *written = NULL;
    size_t length;
    FILE *f = open_memstream(&written, &length);
    fuzz_check(set && f);
    fuzz_file("set/carp.png", some, 1);
    fuzz_file("set/fish/pike.jpg", some, 1);
    fuzz_file("set/fish/eel.gif", some, 1);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char *text = fuzz_text(&data, &size);
        fuzz_file(names[i], (const uint8_t *)text, strlen(text));
        free(text);
    }
    snprintf(where, sizeof(where), "%s/set", fuzz_folder());
    if (latent_scan_folder(&s, where, &no, &e))
        fuzz_refused(&e);
    for (int i = 0; i < s.n_skipped; i++)
        fuzz_check(strlen(s.skipped[i]) > 10);
    latent_dataset_take(set, &s);
    latent_scan_free(&s);
    fuzz_check(latent_dataset_count(set) == 3);
    for (int i = 0; i < 3; i++) {
        const latent_dataset_entry *x = latent_dataset_at(set, i);
        fuzz_check(x->label >= -1 && (x->label < 0 || latent_dataset_class(set, x->label)));
        latent_dataset_line(x, f);
    }
    latent_dataset_measure(set, &statistics);
    fputs("\n]\n", f);
    fuzz_check(!fclose(f));
    latent_dataset_free(set);
    /* what it writes can be read */
    latent_captions c = {0};
    fuzz_check(!latent_captions_json(&c, written, length, &e) && c.n == 3);
    latent_captions_free(&c);
    free(written);
}

/* Any floats as the parameters of a rule, as its items, and as a picture to follow. */
void fuzz_rules(const uint8_t *data, size_t size)
{
    static float picture[16 * 16 * 3], numbers[64];
    char text[LATENT_RULE_CAPTION];
    latent_error e = {""};
    int n = 0, given;
    const latent_rule *rule;
    latent_rule_scene scene = {.params = numbers};
    while (latent_rule_at(n))
        n++;
    if (size < 2)
        return;
    rule = latent_rule_at(data[0] % n);
    given = data[1];
    data += 2;
    size = size - 2 < sizeof(numbers) ? size - 2 : sizeof(numbers);
    memset(numbers, 0, sizeof(numbers));
    latent_rule_usual(rule, numbers);
    memcpy(numbers, data, size);
    if (latent_rule_channels(rule))
        numbers[0] = (float)(given % 20); /* steps take their time */
    if (given & 1) {
        scene.list = numbers;
        scene.list_count = given % 64;
    }
    if (given & 2) {
        scene.follow = numbers;
        scene.follow_h = scene.follow_w = 4;
        scene.follow_c = 1 + given % 4;
    }
    scene.mask = given & 4;
    if (latent_rule_paint(rule, &scene, 16, picture, &e))
        fuzz_refused(&e);
    else
        for (size_t i = 0; i < sizeof(picture) / sizeof(*picture); i++)
            fuzz_check(picture[i] >= -1 && picture[i] <= 1);
    for (int i = 0; i < 2; i++) {
        latent_rule_caption(rule, numbers, (uint32_t)given, 1, i ? LATENT_CHINESE : LATENT_ENGLISH,
                            text);
        fuzz_check(strlen(text) < LATENT_RULE_CAPTION);
    }
}
