/* [schedlag <budget ms>]: is Pd's scheduler held up?  Ticks once a block (64 samples) and compares
   logical with real time.  "reset" starts anew; "report" sends a list:
     1  ticks
     2  worst lateness in ms: real time minus logical time, less the smallest value seen (logical
        time runs ahead by the audio buffer: that is the zero)
     3  how many times the lateness went beyond the budget
     4  worst hold in ms: how long Pd's thread was at work from one tick to the next, or to where it
        had nothing more to do.  Computing, waiting for locks and reading files in somebody's
        method all show; of what goes beyond the budget, the time in which the system ran other
        programs on this core is taken off.
     5  how many holds went beyond the budget
     6  the cores that all threads of Pd together kept busy
     7  in how many of these holds Pd's thread itself computed for longer than the budget
     8  in how many others it gave up the core by itself, to wait for a lock or a file.  In the rest
        it neither computed nor waited: something below the system had taken the core.

   "calm <window> <least> <most>", all in ms, answers whether anything of ours holds Pd up, on
   machines that are shared or simulated, too: such a machine takes its core away now and then, or
   lets it crawl, and counts that as ours.  But what we do ourselves we do every time.  So the worst
   hold of each window is looked at, which must be as long as all that is tested takes to happen
   once: "calm <ms>" is the smallest of them.  It comes when the least time is over and that is
   below the budget, and at the latest after the most.

   A sound card's period lets Pd make several blocks in a burst: each is a hold of its own, and the
   wait for the next period is none.  To tell them apart the box does the sleeping for Pd when that
   has nothing to do (sys_idlehook), 0.1 ms at a time.
   For the project's own test patches; never installed. */
#include <fcntl.h>
#include <m_pd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define SLEEP 100 /* microseconds; as Pd sleeps with -sleepgrain 0.1 */

static t_class *schedlag_class;

typedef struct _schedlag {
    t_object x_obj;
    struct _schedlag *x_next;
    t_clock *x_clock;
    int x_schedstat; /* this thread's, or -1 */
    double x_budget;
    double x_logical0, x_real0; /* when the measurement began */
    double x_process0;          /* ms of processor time of all threads by then */
    double x_real1;             /* when the hold began */
    double x_queued1;           /* ms that our thread had waited for the core by then */
    double x_computed1;         /* ms that it had computed */
    long x_waits1;              /* and how often it had given up the core by itself */
    double x_base;              /* the smallest lateness seen */
    double x_worst_late, x_worst_hold;
    int x_ticks, x_n_late, x_n_holds, x_n_computed, x_n_waited, x_is_late;
    double x_window, x_least, x_most; /* of "calm"; a window of 0: not asked */
    double x_calm0, x_window0;        /* logical times: when it began, and when this window did */
    double x_hold, x_calm;            /* the worst hold of this window, and of the calmest one */
} t_schedlag;

static t_schedlag *schedlags;

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

static long waits(void)
{
    struct rusage r;
    return getrusage(RUSAGE_THREAD, &r) ? 0 : r.ru_nvcsw;
}

static void begin_hold(t_schedlag *x)
{
    x->x_waits1 = waits();
    x->x_computed1 = now_ms(CLOCK_THREAD_CPUTIME_ID);
    x->x_queued1 = queued_ms(x);
    x->x_real1 = now_ms(CLOCK_MONOTONIC);
}

static void end_hold(t_schedlag *x)
{
    double hold = now_ms(CLOCK_MONOTONIC) - x->x_real1;
    if (hold > x->x_budget) /* else it need not be asked; each question costs some microseconds */
        hold -= queued_ms(x) - x->x_queued1;
    if (hold > x->x_worst_hold)
        x->x_worst_hold = hold;
    if (hold > x->x_hold)
        x->x_hold = hold;
    if (hold <= x->x_budget)
        return;
    x->x_n_holds++;
    if (now_ms(CLOCK_THREAD_CPUTIME_ID) - x->x_computed1 > x->x_budget)
        x->x_n_computed++;
    else if (waits() > x->x_waits1)
        x->x_n_waited++;
}

/* Pd has nothing to do. */
static int schedlag_idle(void)
{
    for (t_schedlag *x = schedlags; x; x = x->x_next)
        if (x->x_ticks)
            end_hold(x);
    usleep(SLEEP);
    for (t_schedlag *x = schedlags; x; x = x->x_next)
        begin_hold(x);
    return schedlags != NULL; /* Pd need not sleep */
}

static void schedlag_reset(t_schedlag *x)
{
    x->x_real0 = now_ms(CLOCK_MONOTONIC);
    x->x_logical0 = clock_getlogicaltime();
    x->x_process0 = now_ms(CLOCK_PROCESS_CPUTIME_ID);
    x->x_base = 1e9;
    x->x_worst_late = x->x_worst_hold = 0;
    x->x_ticks = x->x_n_late = x->x_n_holds = x->x_n_computed = x->x_n_waited = x->x_is_late = 0;
    clock_delay(x->x_clock, 1);
}

static void schedlag_calm(t_schedlag *x, t_floatarg window, t_floatarg least, t_floatarg most)
{
    x->x_window = window;
    x->x_least = least;
    x->x_most = most;
    x->x_hold = 0;
    x->x_calm = 1e9;
    schedlag_reset(x);
    x->x_calm0 = x->x_window0 = x->x_logical0;
}

/* Where a window ends. */
static void end_window(t_schedlag *x)
{
    double since = clock_gettimesince(x->x_calm0);
    t_atom a;
    if (x->x_hold < x->x_calm)
        x->x_calm = x->x_hold;
    x->x_hold = 0;
    x->x_window0 = clock_getlogicaltime();
    if (since < x->x_least || (x->x_calm >= x->x_budget && since < x->x_most))
        return;
    x->x_window = 0;
    fprintf(stderr, "schedlag: a hold of %.3f ms in the calmest window of %.1f s\n", x->x_calm,
            since * 1e-3);
    SETFLOAT(&a, (t_float)x->x_calm);
    outlet_anything(x->x_obj.ob_outlet, gensym("calm"), 1, &a);
}

static void schedlag_tick(t_schedlag *x)
{
    double lateness = now_ms(CLOCK_MONOTONIC) - x->x_real0 - clock_gettimesince(x->x_logical0);
    if (lateness < x->x_base)
        x->x_base = lateness;
    lateness -= x->x_base;
    if (x->x_ticks++) { /* the first one only finds the zero */
        end_hold(x);
        if (lateness > x->x_worst_late)
            x->x_worst_late = lateness;
        x->x_n_late += lateness > x->x_budget && !x->x_is_late;
    }
    x->x_is_late = lateness > x->x_budget;
    clock_delay(x->x_clock, 1);
    if (x->x_window > 0 && clock_gettimesince(x->x_window0) >= x->x_window)
        end_window(x);
    begin_hold(x);
}

static void schedlag_report(t_schedlag *x)
{
    double real = now_ms(CLOCK_MONOTONIC) - x->x_real0;
    double busy = now_ms(CLOCK_PROCESS_CPUTIME_ID) - x->x_process0;
    const double v[8] = {x->x_ticks,      x->x_worst_late, x->x_n_late,
                         x->x_worst_hold, x->x_n_holds,    real > 0 ? busy / real : 0,
                         x->x_n_computed, x->x_n_waited};
    t_atom a[8];
    for (int i = 0; i < 8; i++)
        SETFLOAT(a + i, (t_float)v[i]);
    fprintf(stderr,
            "schedlag: %d ticks, worst lateness %.2f ms (%d times over %g), worst hold %.3f ms "
            "(%d over), %.2f cores busy, computed %d, waited %d\n",
            x->x_ticks, v[1], x->x_n_late, x->x_budget, v[3], x->x_n_holds, v[5], x->x_n_computed,
            x->x_n_waited);
    outlet_list(x->x_obj.ob_outlet, &s_list, 8, a);
}

static void *schedlag_new(t_floatarg budget)
{
    t_schedlag *x = (t_schedlag *)pd_new(schedlag_class);
    x->x_budget = budget > 0 ? budget : 1;
    x->x_schedstat = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    x->x_clock = clock_new(x, (t_method)schedlag_tick);
    clock_setunit(x->x_clock, 64, 1);
    outlet_new(&x->x_obj, &s_list);
    x->x_next = schedlags;
    schedlags = x;
    sys_idlehook = schedlag_idle;
    return x;
}

static void schedlag_free(t_schedlag *x)
{
    t_schedlag **at = &schedlags;
    while (*at != x)
        at = &(*at)->x_next;
    *at = x->x_next;
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
    class_addmethod(schedlag_class, (t_method)schedlag_calm, gensym("calm"), A_FLOAT, A_FLOAT,
                    A_FLOAT, 0);
}
