/* fuzz_weights: a target for libFuzzer: opens whatever bytes it is given as a model file, and reads
   every tensor and asks for every setting; and as a file with latents.  The sanitizers say when
   something is wrong. */
#include "engine/weights/arrays.h"
#include "engine/weights/weights.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_array(const uint8_t *data, size_t size)
{
    latent_error e = {""};
    latent_array a;
    if (!latent_array_read_memory(&a, data, size, NULL, &e))
        latent_array_free(&a);
    else if (strlen(e.text) < 10)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    latent_error e = {""};
    latent_weights *w = latent_weights_open_memory(data, size, &e);
    double number = 0;
    read_array(data, size);
    if (!w) {
        if (strlen(e.text) < 10)
            abort(); /* a refusal needs a sentence */
        return 0;
    }
    for (size_t i = 0; i < latent_weights_count(w); i++) {
        const latent_entry *t = latent_weights_at(w, i);
        float *x = malloc((size_t)t->count * sizeof(float) + 1);
        if (latent_weights_find(w, t->name) != t)
            abort();
        if (!x || latent_weights_read(w, t, x, &e) < 0)
            abort(); /* what the table promises can be read */
        latent_weights_text(w, t->name);
        latent_weights_number(w, t->name, &number);
        free(x);
    }
    latent_weights_close(w);
    return 0;
}
