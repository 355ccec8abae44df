/* fuzz_captions: a target for libFuzzer: reads whatever bytes it is given as index.json, as a text
   beside a picture and as plain JSON.  The sanitizers say when something is wrong. */
#include "engine/text/json.h"
#include "engine/train/captions.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char english[LATENT_CAPTION], chinese[LATENT_CAPTION];
    const char *text = (const char *)data;
    latent_json j = {text, text + size};
    latent_captions c = {0};
    latent_error e = {""};
    if (latent_captions_json(&c, text, size, &e) && strlen(e.text) < 10)
        abort(); /* a refusal needs a sentence */
    latent_captions_sort(&c);
    for (int i = 0; i < c.n; i++)
        if (latent_captions_find(&c, c.list[i].file) != c.list + i ||
            strlen(c.list[i].english) >= LATENT_CAPTION ||
            strlen(c.list[i].chinese) >= LATENT_CAPTION)
            abort();
    latent_captions_free(&c);
    latent_captions_lines(text, size, english, chinese);
    if (strlen(english) >= LATENT_CAPTION || strlen(chinese) >= LATENT_CAPTION)
        abort();
    latent_json_skip(&j);
    if (j.at > j.end)
        abort();
    return 0;
}
