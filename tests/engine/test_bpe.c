/* test_bpe: the tokeniser of CLIP against the reference's tokens (needs the oracle folder and the
   vocabulary beside it), small vocabularies in every form, and files that lie. */
#include "engine/text/bpe.h"
#include "engine/text/clean.h"
#include "engine/text/json.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define VOCABULARY 49408

/* ---- the reference */

static char *read_all(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *text = f ? calloc(1, 1 << 20) : NULL;
    if (f && text && fread(text, 1, (1 << 20) - 1, f) == 0)
        text[0] = 0;
    if (f)
        fclose(f);
    return text;
}

static void check_case(const latent_bpe *b, latent_json *j)
{
    char key[16], text[1000];
    int n = 0, tokens[77], count = -1, i = 0, more;
    latent_error e = {""};
    double should;
    assert_int_equal(latent_json_enter(j, '{'), 0);
    while (latent_json_next(j, '{', &n, key, sizeof(key)) == 1)
        if (!strcmp(key, "text")) {
            assert_true(latent_json_string(j, text, sizeof(text)) >= 0);
            if ((count = latent_bpe_encode(b, text, tokens, 77, &e)) < 0)
                fail_msg("%s: %s", text, e.text);
        } else {
            int members = 0;
            assert_int_equal(latent_json_enter(j, '['), 0);
            while ((more = latent_json_next(j, '[', &members, NULL, 0)) == 1) {
                assert_int_equal(latent_json_number(j, &should), 0);
                if (i >= count || tokens[i] != (int)should)
                    fail_msg("\"%s\": token %d is %d, not %d", text, i, tokens[i], (int)should);
                i++;
            }
            assert_int_equal(more, 0);
        }
    if (i != count)
        fail_msg("\"%s\" has %d tokens, not %d", text, count, i);
}

static void reference(void **state)
{
    const char *dir = getenv("LATENT_ORACLE");
    char cases[1000], vocabulary[1000], *text;
    latent_error e = {""};
    latent_bpe *b;
    latent_json j;
    int n = 0;
    (void)state;
    snprintf(cases, sizeof(cases), "%s/clip-bpe-cases.json", dir ? dir : "../shared/oracle");
    snprintf(vocabulary, sizeof(vocabulary), "%s/../data/clip", dir ? dir : "../shared/oracle");
    if (!(text = read_all(cases)) || latent_bpe_find(vocabulary, VOCABULARY, &b, &e) != 1) {
        printf("SKIP %s or the vocabulary in %s is not there\n", cases, vocabulary);
        free(text);
        skip();
    }
    j = (latent_json){text, text + strlen(text)};
    assert_int_equal(latent_json_enter(&j, '['), 0);
    while (latent_json_next(&j, '[', &n, NULL, 0) == 1)
        check_case(b, &j);
    printf("%d texts have the reference's tokens\n", n);
    assert_true(n > 10);
    free(text);
    latent_bpe_free(b);
}

/* ---- small vocabularies */

static char folder[64];

static void put_file(const char *name, const char *text, size_t size)
{
    char path[128];
    FILE *f;
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_non_null(f = fopen(path, "wb"));
    assert_int_equal(fwrite(text, 1, size, f), size);
    fclose(f);
}

static void empty_folder(void)
{
    static const char *const names[] = {"bpe_simple_vocab_16e6.txt.gz", "bpe_simple_vocab_16e6.txt",
                                        "tokenizer.json", "merges.txt", "vocab.json"};
    char path[128];
    for (size_t i = 0; i < 5; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "%s/latent-bpe-XXXXXX", P_tmpdir);
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    empty_folder();
    return rmdir(folder);
}

/* Tries a file; expect: part of the sentence when it must be refused, NULL when it must be read. */
static latent_bpe *try_file(const char *name, const char *text, size_t size, int vocabulary,
                            const char *expect)
{
    latent_error e = {""};
    latent_bpe *b = NULL;
    int found;
    put_file(name, text, size);
    found = latent_bpe_find(folder, vocabulary, &b, &e);
    if (found != (expect ? -1 : 1) || (expect && !strstr(e.text, expect)))
        fail_msg("%s: %d, \"%s\"", name, found, e.text);
    return b;
}

static const char merges[] = "#version: 0.2\nf i\ns h</w>\nfi sh</w>\r\n1 2</w>\n";
#define SMALL (512 + 4 + 2)

/* "f" is byte 102, the 70th printable one from 33 on: number 69. */
static void check_small(const latent_bpe *b, int turned)
{
    latent_error e = {""};
    int t[20];
    assert_int_equal(latent_bpe_encode(b, " FISH fi 12&lt;", t, 16, &e), 8);
    assert_int_equal(t[0], SMALL - 2);
    assert_int_equal(t[1], turned ? 512 : 514);
    assert_int_equal(t[2], 'f' - 33);
    assert_int_equal(t[3], 256 + 'i' - 33);
    assert_int_equal(t[4], 256 + '1' - 33); /* digits are words of their own */
    assert_int_equal(t[5], 256 + '2' - 33);
    assert_int_equal(t[6], 256 + '<' - 33);
    assert_int_equal(t[7], SMALL - 1);
    assert_int_equal(latent_bpe_encode(b, "fish fish", t, 4, &e), 4);
    assert_int_equal(latent_bpe_encode(b, "fish fish", t, 3, &e), -1);
    assert_non_null(strstr(e.text, "too long"));
    assert_int_equal(latent_bpe_encode(b, "", t, 2, &e), 2);
    assert_int_equal(latent_bpe_encode(b, "\xff\xc3 \xf0\x9f\x90", t, 20, &e), 17);
}

static size_t small_json(char *text, size_t room, int whole)
{
    size_t n = 0;
    n += (size_t)snprintf(text + n, room - n, "%s{",
                          whole ? "{\"version\": [1, {\"a\": \"}\"}], "
                                  "\"model\": {\"vocab\": "
                                : "");
    for (int i = 0; i < 512; i++) { /* the characters of bytes, in their order */
        int k = i % 256;
        char bytes[5] = "";
        uint32_t c = (uint32_t)(k < 94    ? k + 33
                                : k < 106 ? k - 94 + 161
                                : k < 188 ? k - 106 + 174
                                          : k - 188 + 256);
        bytes[latent_utf8(c, bytes)] = 0;
        n += (size_t)snprintf(text + n, room - n, "\"%s%s%s\": %d, ",
                              c == '"' || c == '\\' ? "\\" : "", bytes, i < 256 ? "" : "</w>", i);
    }
    /* the merges' numbers turned round */
    n += (size_t)snprintf(text + n, room - n,
                          "\"fi\": 515, \"sh</w>\": 514, \"12</w>\": 513, \"fish</w>\": 512, "
                          "\"<|startoftext|>\": 516, \"<|endoft\\u0065xt|>\": 517}");
    if (whole)
        n += (size_t)snprintf(text + n, room - n,
                              ", \"merges\": [[\"f\", \"i\"], \"s h</w>\", [\"fi\",\"sh</w>\"], "
                              "\"1 2</w>\"]}, \"end\": null}");
    return n;
}

static void small_vocabularies(void **state)
{
    static char json[20000];
    latent_bpe *b;
    latent_error e = {""};
    (void)state;
    empty_folder();
    assert_int_equal(latent_bpe_find(folder, SMALL, &b, &e), 0);
    b = try_file("bpe_simple_vocab_16e6.txt", merges, strlen(merges), SMALL, NULL);
    check_small(b, 0);
    latent_bpe_free(b);
    empty_folder();
    b = try_file("merges.txt", merges, strlen(merges), SMALL, NULL);
    check_small(b, 0);
    latent_bpe_free(b);
    b = try_file("vocab.json", json, small_json(json, sizeof(json), 0), SMALL, NULL);
    check_small(b, 1);
    latent_bpe_free(b);
    empty_folder();
    b = try_file("tokenizer.json", json, small_json(json, sizeof(json), 1), SMALL, NULL);
    check_small(b, 1);
    latent_bpe_free(b);
    empty_folder();
}

static void hostile_vocabularies(void **state)
{
    static char json[20000], large[70000];
    static const char name[] = "bpe_simple_vocab_16e6.txt";
    static const unsigned char cut[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b};
    size_t n;
    (void)state;
    empty_folder();
    try_file(name, merges, strlen(merges), SMALL + 1, "don't");
    try_file(name, merges, strlen(merges), 100, "no byte-pair");
    try_file(name, merges, strlen(merges), 1 << 30, "no byte-pair");
    try_file(name, "", 0, SMALL, "0 merges");
    try_file(name, "x\nf i\nq zz\ns h\nf f\n", 18, SMALL, "not there");
    try_file(name, "x\nfi\n", 5, SMALL, "line 2");
    try_file(name, "x\nf i h\n", 8, SMALL, "line 2");
    try_file(name, "x\nf \n", 5, SMALL, "line 2");
    try_file(name, "x\nf \0i\n", 7, SMALL, "line 2");
    memset(large, 'f', sizeof(large));
    memcpy(large, "x\n", 2);
    try_file(name, large, sizeof(large), SMALL, "line 2");
    empty_folder();
    try_file("bpe_simple_vocab_16e6.txt.gz", (const char *)cut, sizeof(cut), SMALL, "damaged");
    empty_folder();
    put_file("merges.txt", merges, strlen(merges));
    try_file("vocab.json", "{\"f\": 1}", 8, SMALL, "no number for");
    try_file("vocab.json", "{\"f\": 1e9}", 10, SMALL, "damaged");
    try_file("vocab.json", "{\"f\": ", 6, SMALL, "damaged");
    try_file("vocab.json", "[]", 2, SMALL, "damaged");
    empty_folder();
    memset(large, '[', sizeof(large));
    memcpy(large, "{\"a\":", 5);
    try_file("tokenizer.json", large, sizeof(large), SMALL, "damaged");
    try_file("tokenizer.json", "{}", 2, SMALL, "damaged");
    n = small_json(json, sizeof(json), 1);
    for (size_t i = 0; i < n - 1; i += 13) /* cut anywhere: refused, or whole but for spaces */
        try_file("tokenizer.json", json, i, SMALL, "tokenizer.json");
    empty_folder();
}

/* ---- cleaning */

static void check_clean(const char *text, const char *should)
{
    latent_error e = {""};
    size_t n, at = 0;
    uint32_t *t = latent_clean(text, &n, &e);
    char is[400];
    assert_non_null(t);
    for (size_t i = 0; i < n; i++)
        at += (size_t)latent_utf8(t[i], is + at);
    is[at] = 0;
    free(t);
    if (strcmp(is, should))
        fail_msg("\"%s\" became \"%s\", not \"%s\"", text, is, should);
}

static void cleaning(void **state)
{
    (void)state;
    check_clean("", "");
    check_clean(" \t\n\xc2\xa0 ", "");
    check_clean("  A \n\n b\xe3\x80\x80"
                "C ",
                "a b c");
    check_clean("&amp;amp; &amp;lt;b&gt; &#65;&#x42; &#x1F41F; &nbsp;",
                "& <b> ab \xf0\x9f\x90\x9f");
    check_clean("&eacute;&Eacute; &hearts; &amp", "\xc3\xa9\xc3\xa9 \xe2\x99\xa5 &");
    check_clean("&notanentity; &nix; &; &#; &#x; & &&", "\xc2\xac"
                                                        "anentity; &nix; &; &#; &#x; & &&");
    check_clean("&#0;&#128;&#1;&#xD800;&#99999999999;",
                "\xef\xbf\xbd\xe2\x82\xac\xef\xbf\xbd\xef\xbf\xbd");
    check_clean("\xc3\x85NGSTR\xc3\x96M", "\xc3\xa5ngstr\xc3\xb6m");
    check_clean("\xce\xa3\xce\x91\xce\xa3 \xce\xa3", "\xcf\x83\xce\xb1\xcf\x82 \xcf\x83");
    check_clean("\xc4\xb0", "i\xcc\x87");
    check_clean("\xd0\x96\xd1\x8f \xe1\xba\x9e \xf0\x90\x90\x80",
                "\xd0\xb6\xd1\x8f \xc3\x9f \xf0\x90\x90\xa8");
    check_clean("\xc0\x80 \xed\xa0\x80 \xf5\x80\x80\x80 \xc3",
                "\xef\xbf\xbd \xef\xbf\xbd \xef\xbf\xbd \xef\xbf\xbd");
    assert_true(latent_is_letter('a') && latent_is_letter(0x9c7c) && latent_is_letter(0xaa));
    assert_false(latent_is_letter('1') || latent_is_letter('_') || latent_is_letter(0x10ffff));
    assert_true(latent_is_number('7') && latent_is_number(0xbd) && latent_is_number(0x2167));
    assert_false(latent_is_number('a') || latent_is_number(0x4e00));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference),
        cmocka_unit_test(cleaning),
        cmocka_unit_test_setup_teardown(small_vocabularies, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(hostile_vocabularies, make_folder, remove_folder),
    };
    return cmocka_run_group_tests_name("bpe", tests, NULL, NULL);
}
