/* [schedlag <budget ms>]: is Pd's scheduler held up?  Ticks once a block (64 samples) and compares
   logical with real time.  "reset" starts anew; "report" sends a list:
     1  ticks
     2  worst lateness in ms: real time minus logical time, less the smallest value seen (logical
        time runs ahead by the audio buffer: that is the zero)
     3  how many times the lateness went beyond the budget
     4  worst hold in ms: how long after a tick could have run (it was due, and the one before it
        had run) it did run, not counting the time in which the system ran other programs on this
        core.  Computing, waiting for locks and reading files in somebody's method all show here.
     5  how many holds went beyond the budget
     6  worst computing time of Pd's thread in one tick, in ms, and
     7  how many went beyond the budget: unlike holds these don't rise when a busy machine, or one
        that is itself simulated, wakes Pd up late; but Pd's own looking around while it waits
        counts
     8  worst of what was both, the smaller of hold and computing time in one tick, in ms, and
     9  how many went beyond the budget: what is most surely a method's own work
     10 the cores that all threads of Pd together kept busy

   Start Pd with -sleepgrain 0.1, or Pd's own sleep (5 ms in some versions) is seen as a hold.
   For the project's own test patches; never installed. */
#include <fcntl.h>
#include <m_pd.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static t_class *schedlag_class;

typedef struct {
    t_object x_obj;
    t_clock *x_clock;
    int x_schedstat; /* this thread's, or -1 */
    double x_budget;
    double x_logical0, x_real0; /* when the measurement began */
    double x_real1;             /* when the tick before this one was done, in ms since then */
    double x_computed1;         /* ms of processor time that our thread had used by then */
    double x_queued1;           /* ms that we had waited for the core by then */
    double x_process0;          /* ms of processor time of all threads, when it began */
    double x_base;              /* the smallest lateness seen */
    double x_worst_late, x_worst_hold, x_worst_compute, x_worst_both;
    int x_ticks, x_n_late, x_n_holds, x_n_computes, x_n_both, x_is_late;
} t_schedlag;

static double now_ms(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1e3 + t.tv_nsec * 1e-6;
}

/* How long this thread has waited for a core so far, where the system tells (Linux). */
static double queued_ms(t_schedlag *x)
{
    char text[80];
    ssize_t n = x->x_schedstat < 0 ? -1 : pread(x->x_schedstat, text, sizeof(text) - 1, 0);
    unsigned long long ran, queued;
    if (n <= 0)
        return 0;
    text[n] = 0;
    return sscanf(text, "%llu %llu", &ran, &queued) == 2 ? (double)queued * 1e-6 : 0;
}

static void schedlag_reset(t_schedlag *x)
{
    x->x_real0 = now_ms(CLOCK_MONOTONIC);
    x->x_logical0 = clock_getlogicaltime();
    x->x_queued1 = queued_ms(x);
    x->x_computed1 = now_ms(CLOCK_THREAD_CPUTIME_ID);
    x->x_process0 = now_ms(CLOCK_PROCESS_CPUTIME_ID);
    x->x_real1 = 0;
    x->x_base = 1e9;
    x->x_worst_late = x->x_worst_hold = x->x_worst_compute = x->x_worst_both = 0;
    x->x_ticks = x->x_n_late = x->x_n_holds = x->x_n_computes = x->x_n_both = x->x_is_late = 0;
    clock_delay(x->x_clock, 1);
}

static void schedlag_tick(t_schedlag *x)
{
    double real = now_ms(CLOCK_MONOTONIC) - x->x_real0, logical = clock_gettimesince(x->x_logical0);
    double queued = queued_ms(x), lateness = real - logical;
    if (lateness < x->x_base)
        x->x_base = lateness;
    double due = logical + x->x_base;
    double hold = real - (due > x->x_real1 ? due : x->x_real1) - (queued - x->x_queued1);
    double compute = now_ms(CLOCK_THREAD_CPUTIME_ID) - x->x_computed1;
    double both = hold < compute ? hold : compute;
    lateness -= x->x_base;
    if (x->x_ticks++) { /* the first one only finds the zero */
        if (lateness > x->x_worst_late)
            x->x_worst_late = lateness;
        if (hold > x->x_worst_hold)
            x->x_worst_hold = hold;
        if (compute > x->x_worst_compute)
            x->x_worst_compute = compute;
        if (both > x->x_worst_both)
            x->x_worst_both = both;
        x->x_n_both += both > x->x_budget;
        x->x_n_holds += hold > x->x_budget;
        x->x_n_computes += compute > x->x_budget;
        x->x_n_late += lateness > x->x_budget && !x->x_is_late;
    }
    x->x_is_late = lateness > x->x_budget;
    x->x_queued1 = queued;
    x->x_computed1 += compute;
    x->x_real1 = now_ms(CLOCK_MONOTONIC) - x->x_real0;
    clock_delay(x->x_clock, 1);
}

static void schedlag_report(t_schedlag *x)
{
    double real = now_ms(CLOCK_MONOTONIC) - x->x_real0;
    double busy = now_ms(CLOCK_PROCESS_CPUTIME_ID) - x->x_process0;
    const double v[10] = {x->x_ticks,   x->x_worst_late,           x->x_n_late,     x->x_worst_hold,
                          x->x_n_holds, x->x_worst_compute,        x->x_n_computes, x->x_worst_both,
                          x->x_n_both,  real > 0 ? busy / real : 0};
    t_atom a[10];
    for (int i = 0; i < 10; i++)
        SETFLOAT(a + i, (t_float)v[i]);
    fprintf(stderr,
            "schedlag: %d ticks, worst lateness %.2f ms (%d times over %g), worst hold %.3f ms "
            "(%d over), worst computing %.3f ms (%d over), worst of both %.3f ms (%d over), "
            "%.2f cores busy\n",
            x->x_ticks, v[1], x->x_n_late, x->x_budget, v[3], x->x_n_holds, v[5], x->x_n_computes,
            v[7], x->x_n_both, v[9]);
    outlet_list(x->x_obj.ob_outlet, &s_list, 10, a);
}

static void *schedlag_new(t_floatarg budget)
{
    t_schedlag *x = (t_schedlag *)pd_new(schedlag_class);
    x->x_budget = budget > 0 ? budget : 1;
    x->x_schedstat = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    x->x_clock = clock_new(x, (t_method)schedlag_tick);
    clock_setunit(x->x_clock, 64, 1);
    outlet_new(&x->x_obj, &s_list);
    return x;
}

static void schedlag_free(t_schedlag *x)
{
    clock_free(x->x_clock);
    if (x->x_schedstat >= 0)
        close(x->x_schedstat);
}

void schedlag_setup(void)
{
    schedlag_class = class_new(gensym("schedlag"), (t_newmethod)schedlag_new,
                               (t_method)schedlag_free, sizeof(t_schedlag), 0, A_DEFFLOAT, 0);
    class_addmethod(schedlag_class, (t_method)schedlag_reset, gensym("reset"), 0);
    class_addmethod(schedlag_class, (t_method)schedlag_report, gensym("report"), 0);
}
