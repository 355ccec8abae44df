/* [network]: makes a StyleGAN2 of any size with random weights, for tests that need one that takes
   long, and a small denoiser.
     write name resolution base    writes it as a safetensors file (float32) into the folder of
                                   [scratch], and sends the file's path
     denoiser name resolution    the same of a diffusion-tiny that goes by words of 3 numbers
   A block of resolution r has min(base / r, 512) channels, as NVIDIA's configurations do; z and w
   have 512 numbers and there are two mapping layers.
   For the project's own test patches; never installed. */
#include <m_pd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 512
#define ROOM 32768

static t_class *network_class;

typedef struct {
    t_object x_obj;
} t_network;

/* The file is gone through twice: first the header is made, then the numbers. */
typedef struct {
    char *header;
    size_t used, bytes;
    FILE *file; /* NULL the first time */
    uint32_t state;
} t_maker;

/* A tensor of count numbers, spread evenly around mean by +-spread. */
static void tensor(t_maker *m, const char *name, const char *shape, size_t count, float mean,
                   float spread)
{
    float some[1024];
    if (!m->file) {
        m->used +=
            (size_t)snprintf(m->header + m->used, ROOM - m->used,
                             "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[%s],"
                             "\"data_offsets\":[%zu,%zu]}",
                             m->used > 1 ? "," : "", name, shape, m->bytes, m->bytes + 4 * count);
        m->bytes += 4 * count;
        return;
    }
    while (count) {
        size_t n = count < 1024 ? count : 1024;
        for (size_t i = 0; i < n; i++) {
            m->state = m->state * 1664525u + 1013904223u;
            some[i] = mean + spread * ((float)(int32_t)m->state / 2147483648.0f);
        }
        fwrite(some, sizeof(float), n, m->file);
        count -= n;
    }
}

static void layer(t_maker *m, int side, const char *part, int in, int out, int kernel)
{
    char name[80], shape[80];
    size_t taps = (size_t)kernel * (size_t)kernel;
#define TENSOR(suffix, count, mean, spread, ...)                                                   \
    snprintf(name, sizeof(name), "synthesis.b%d.%s." suffix, side, part);                          \
    snprintf(shape, sizeof(shape), __VA_ARGS__);                                                   \
    tensor(m, name, shape, count, mean, spread)
    TENSOR("weight", (size_t)out * (size_t)in * taps, 0, 1.7f, "%d,%d,%d,%d", out, in, kernel,
           kernel);
    TENSOR("bias", (size_t)out, 0, 0.3f, "%d", out);
    TENSOR("affine.weight", (size_t)in * WIDTH, 0, 1.7f, "%d,%d", in, WIDTH);
    TENSOR("affine.bias", (size_t)in, 1, 0, "%d", in);
    if (kernel == 1)
        return;
    TENSOR("noise_strength", 1, 0.1f, 0, "%s", "");
    TENSOR("noise_const", (size_t)side * (size_t)side, 0, 1.7f, "%d,%d", side, side);
#undef TENSOR
}

static int channels(int side, int base)
{
    int n = base / side;
    return n > 512 ? 512 : n < 1 ? 1 : n;
}

static void network(t_maker *m, int resolution, int base)
{
    char shape[40];
    for (int i = 0; i < 2; i++) {
        tensor(m, i ? "mapping.fc1.weight" : "mapping.fc0.weight", "512,512", WIDTH * WIDTH, 0,
               170);
        tensor(m, i ? "mapping.fc1.bias" : "mapping.fc0.bias", "512", WIDTH, 0, 10);
    }
    tensor(m, "mapping.w_avg", "512", WIDTH, 0, 0.1f);
    snprintf(shape, sizeof(shape), "%d,4,4", channels(4, base));
    tensor(m, "synthesis.b4.const", shape, (size_t)channels(4, base) * 16, 0, 1.7f);
    for (int side = 4; side <= resolution; side *= 2) {
        int in = channels(side / 2, base), out = channels(side, base);
        if (side > 4)
            layer(m, side, "conv0", in, out, 3);
        layer(m, side, "conv1", out, out, 3);
        layer(m, side, "torgb", out, 3, 1);
    }
}

#define WORDS 3
#define INSIDE 8 /* channels of the denoiser, and of what it is told */

static void block(t_maker *m, const char *where, int in)
{
    char name[40], shape[40];
    for (int i = 0; i < (in == INSIDE ? 2 : 3); i++) {
        int kernel = i < 2 ? 3 : 1, from = i == 1 ? INSIDE : in;
        snprintf(name, sizeof(name), "%s.%s", where,
                 (const char *[]){"first", "second", "skip"}[i]);
        snprintf(shape, sizeof(shape), "%d,%d,%d,%d", INSIDE, from, kernel, kernel);
        tensor(m, name, shape, (size_t)(INSIDE * from * kernel * kernel), 0, 1);
    }
    snprintf(name, sizeof(name), "%s.film", where);
    tensor(m, name, "8,8", INSIDE * INSIDE, 0, 1);
    snprintf(name, sizeof(name), "%s.gain", where);
    tensor(m, name, "", 1, 0.5f, 0);
}

static void denoiser(t_maker *m, int resolution, int unused)
{
    static const char *const attention[] = {"mid.queries", "mid.keys", "mid.values",
                                            "mid.attended"};
    (void)unused;
    if (!m->file)
        m->used += (size_t)snprintf(
            m->header + m->used, ROOM - m->used,
            "\"__metadata__\":{\"architecture\":\"diffusion-tiny\",\"resolution\":\"%d\","
            "\"channels\":\"3\",\"shuffle\":\"1\",\"levels\":\"1\",\"width\":\"8\",\"heads\":\"2\","
            "\"waves\":\"4\",\"words\":\"3\",\"embedding\":\"8\",\"mean\":\"0.25\","
            "\"deviation\":\"0.5\"}",
            resolution);
    tensor(m, "waves", "8,4", 32, 0, 1);
    tensor(m, "words", "8,3", 8 * WORDS, 0, 1);
    tensor(m, "nothing", "3", WORDS, 1, 0.5f);
    tensor(m, "input", "8,4,3,3", 288, 0, 1);
    block(m, "down0", INSIDE);
    block(m, "mid.0", INSIDE);
    for (int i = 0; i < 4; i++)
        tensor(m, attention[i], "8,8", 64, 0, 1);
    block(m, "mid.1", INSIDE);
    block(m, "up0", 2 * INSIDE);
    tensor(m, "rgb", "3,8,3,3", 216, 0, 1);
    tensor(m, "rgb.gain", "", 1, 1, 0);
}

static void write_file(t_network *x, t_symbol *file, void (*make)(t_maker *m, int a, int b), int a,
                       int b)
{
    const char *folder = getenv("LATENT_SCRATCH");
    char path[MAXPDSTRING];
    t_maker m = {malloc(ROOM), 1, 0, NULL, 1};
    uint64_t length;
    snprintf(path, sizeof(path), "%s/%s", folder ? folder : ".", file->s_name);
    if (!m.header)
        return;
    m.header[0] = '{';
    make(&m, a, b);
    m.header[m.used++] = '}';
    while (m.used % 8)
        m.header[m.used++] = ' ';
    length = m.used;
    if ((m.file = fopen(path, "wb"))) {
        fwrite(&length, 8, 1, m.file);
        fwrite(m.header, 1, m.used, m.file);
        make(&m, a, b);
    }
    free(m.header);
    if (!m.file || fclose(m.file))
        pd_error(x, "network: can't write %s", path);
    else
        outlet_symbol(x->x_obj.ob_outlet, gensym(path));
}

static void network_write(t_network *x, t_symbol *file, t_floatarg resolution, t_floatarg base)
{
    write_file(x, file, network, (int)resolution, (int)base);
}

static void network_denoiser(t_network *x, t_symbol *file, t_floatarg resolution)
{
    write_file(x, file, denoiser, (int)resolution, 0);
}

static void *network_new(void)
{
    t_network *x = (t_network *)pd_new(network_class);
    outlet_new(&x->x_obj, &s_symbol);
    return x;
}

void network_setup(void)
{
    network_class =
        class_new(gensym("network"), (t_newmethod)network_new, 0, sizeof(t_network), 0, 0);
    class_addmethod(network_class, (t_method)network_write, gensym("write"), A_SYMBOL, A_FLOAT,
                    A_FLOAT, 0);
    class_addmethod(network_class, (t_method)network_denoiser, gensym("denoiser"), A_SYMBOL,
                    A_FLOAT, 0);
}
