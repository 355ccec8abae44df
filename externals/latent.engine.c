/* [latent.engine]: the engine behind all boxes.

   sync 1        offline: every sink computes before its message returns and nothing is dropped, so
                 that the same patch gives the same bytes; sync 0: live.  "pd -batch" and the
                 environment variable LATENT_SYNC=1 begin with 1
   threads n     how many threads compute (until told: the machine's cores less one)
   memory f      the budget for cached values, in MB
   stats         tells, at the outlet:
                   stage <name> ms <a run> gmac <a run> runs <n> hits <n>   one for each stage
                   runs <n>, hits <n>, evictions <n>     computed, found in the cache, pushed out
                   memory <MB> <MB> <MB>                 cached values, all tensors, spare blocks
                   weights <MB>                          of all models
                   threads <n>, sync <0 or 1>
   reset         counts from 0 again
   clear         forgets every cached value

   The settings are the whole program's; several boxes of this kind speak of the same engine. */
#include "engine/base/parallel.h"
#include "engine/graph/evaluate.h"
#include "engine/models/model.h"
#include "pd/box.h"
#include "pd/job_queue.h"
#include <stdlib.h>

static t_class *latent_engine_class;

typedef struct {
    t_object x_obj;
    t_outlet *x_info;
} t_latent_engine;

static void latent_engine_sync(t_latent_engine *x, t_floatarg f)
{
    (void)x;
    latent_offline_set(f != 0);
}

static void latent_engine_threads(t_latent_engine *x, t_floatarg f)
{
    if (f >= 1 && f <= LATENT_MAX_THREADS)
        latent_threads_set(latent_whole(f, 1, LATENT_MAX_THREADS));
    else
        latent_complain(&x->x_obj, "threads takes a number from 1 to %d, %g came",
                        LATENT_MAX_THREADS, (double)f);
}

static void latent_engine_memory(t_latent_engine *x, t_floatarg f)
{
    if (f >= 0 && f <= 1 << 20)
        latent_cache_set((size_t)latent_whole64((double)f * 1e6));
    else
        latent_complain(&x->x_obj, "memory takes a number of megabytes, %g came", (double)f);
}

static void send_numbers(t_outlet *o, const char *selector, int n, const double *v)
{
    t_atom a[3];
    for (int i = 0; i < n; i++)
        SETFLOAT(a + i, (t_float)v[i]);
    outlet_anything(o, gensym(selector), n, a);
}

static void send_stage(t_outlet *o, const latent_stage *s)
{
    static const char *const name[4] = {"ms", "gmac", "runs", "hits"};
    double runs = s->runs ? (double)s->runs : 1;
    double v[4] = {s->ms / runs, s->mac / runs / 1e9, (double)s->runs, (double)s->hits};
    t_atom a[9];
    SETSYMBOL(a, gensym(s->stage));
    for (int i = 0; i < 4; i++) {
        SETSYMBOL(a + 1 + 2 * i, gensym(name[i]));
        SETFLOAT(a + 2 + 2 * i, (t_float)v[i]);
    }
    outlet_anything(o, gensym("stage"), 9, a);
}

static void latent_engine_stats(t_latent_engine *x)
{
    latent_stats s;
    latent_stage *stages;
    t_outlet *o = x->x_info;
    int n;
    latent_stats_get(&s, NULL, 0);
    n = s.n_stages;
    if (!(stages = calloc((size_t)n + 1, sizeof(*stages))))
        return;
    latent_stats_get(&s, stages, n);
    for (int i = 0; i < n && i < s.n_stages; i++)
        send_stage(o, &stages[i]);
    free(stages);
    send_numbers(o, "runs", 1, (double[]){(double)s.runs});
    send_numbers(o, "hits", 1, (double[]){(double)s.hits});
    send_numbers(o, "evictions", 1, (double[]){(double)s.evictions});
    send_numbers(o, "memory", 3,
                 (double[]){(double)s.cached_bytes / 1e6, (double)s.tensor_bytes / 1e6,
                            (double)s.stored_bytes / 1e6});
    send_numbers(o, "weights", 1, (double[]){(double)latent_models_bytes() / 1e6});
    send_numbers(o, "threads", 1, (double[]){latent_threads()});
    send_numbers(o, "sync", 1, (double[]){latent_offline()});
}

static void latent_engine_reset(t_latent_engine *x)
{
    (void)x;
    latent_stats_reset();
}

static void latent_engine_clear(t_latent_engine *x)
{
    (void)x;
    latent_cache_forget();
}

static void *latent_engine_new(void)
{
    t_latent_engine *x = (t_latent_engine *)pd_new(latent_engine_class);
    x->x_info = outlet_new(&x->x_obj, 0);
    return x;
}

void setup_latent0x2eengine(void)
{
    latent_engine_class = class_new(gensym("latent.engine"), (t_newmethod)latent_engine_new, 0,
                                    sizeof(t_latent_engine), CLASS_DEFAULT, 0);
    latent_takes(latent_engine_class, LATENT_TAKES_MESSAGES);
    class_addmethod(latent_engine_class, (t_method)latent_engine_sync, gensym("sync"), A_FLOAT, 0);
    class_addmethod(latent_engine_class, (t_method)latent_engine_threads, gensym("threads"),
                    A_FLOAT, 0);
    class_addmethod(latent_engine_class, (t_method)latent_engine_memory, gensym("memory"), A_FLOAT,
                    0);
    class_addmethod(latent_engine_class, (t_method)latent_engine_stats, gensym("stats"), 0);
    class_addmethod(latent_engine_class, (t_method)latent_engine_reset, gensym("reset"), 0);
    class_addmethod(latent_engine_class, (t_method)latent_engine_clear, gensym("clear"), 0);
}
