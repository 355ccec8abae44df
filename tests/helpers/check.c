/* [check <label> <tolerance> <rms>]: compares what comes in at the left with what was last given at
   the right (a bang, until told), and says "ok" or "not ok" on the error stream.
     [check name]            symbols must be equal, and floats in single precision
     [check name 1e-6]       floats may differ by that much
     [check name 1e-4 rms]   for long lists: the root mean square of the difference, divided by that
                             of the expected list, must not exceed the tolerance
   [check.done <n>]: a bang ends Pd, when n checks have run or after LATENT_PATIENCE seconds
             (machines are busy; 20 when that is not set); the exit code is 0 when n checks ran and
             all passed.
   [check.count]: a bang sends how many ran, and how many of them failed.
   For the project's own test patches; never installed. */
#include <m_pd.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static int n_run, n_failed;

static t_class *check_class, *check_expected_class;

typedef struct _check_expected {
    t_pd p_pd;
    struct _check *p_owner;
} t_check_expected;

typedef struct _check {
    t_object x_obj;
    t_check_expected x_right;
    t_symbol *x_label;
    double x_tolerance;
    int x_rms;
    t_binbuf *x_expected; /* selector first */
} t_check;

/* "float 3" and "list 3" mean the same in Pd, "list" without atoms and bang too. */
static t_symbol *selector_of(t_symbol *s, int argc)
{
    if ((s == &s_float || s == &s_symbol) && argc == 1)
        return &s_list;
    if (s == &s_list && argc == 0)
        return &s_bang;
    return s;
}

static int atoms_match(const t_atom *a, const t_atom *b, double tolerance)
{
    if (a->a_type != b->a_type)
        return 0;
    if (a->a_type == A_FLOAT) { /* a NaN matches nothing */
        double x = a->a_w.w_float, y = b->a_w.w_float;
        return fabs(x - y) <= tolerance || (float)x == (float)y;
    }
    return a->a_type == A_SYMBOL && a->a_w.w_symbol == b->a_w.w_symbol;
}

/* RMS(got - want) / RMS(want); NaN where an atom is no number. */
static double relative_rms(int n, const t_atom *got, const t_atom *want)
{
    double difference = 0, size = 0;
    for (int i = 0; i < n; i++) {
        if (got[i].a_type != A_FLOAT || want[i].a_type != A_FLOAT)
            return NAN;
        double w = want[i].a_w.w_float, d = got[i].a_w.w_float - w;
        difference += d * d;
        size += w * w;
    }
    return difference > 0 || isnan(difference) ? sqrt(difference / size) : 0;
}

static void print_message(const char *what, t_symbol *s, int argc, const t_atom *argv)
{
    char word[MAXPDSTRING];
    fprintf(stderr, "%s '%s", what, s->s_name);
    for (int i = 0; i < argc && i < 12; i++) {
        atom_string(argv + i, word, sizeof(word));
        fprintf(stderr, " %s", word);
    }
    if (argc > 12)
        fprintf(stderr, " ... (%d atoms)", argc);
    fprintf(stderr, "'");
}

static void check_anything(t_check *x, t_symbol *s, int argc, t_atom *argv)
{
    const t_atom *want = binbuf_getvec(x->x_expected);
    int n = binbuf_getnatom(x->x_expected) - 1;
    t_symbol *want_selector = want->a_w.w_symbol;
    int ok = n == argc && selector_of(s, argc) == selector_of(want_selector, n);
    double error = 0;
    want++;
    if (ok && x->x_rms) {
        error = relative_rms(n, argv, want);
        ok = error <= x->x_tolerance;
    } else
        for (int i = 0; ok && i < n; i++)
            ok = atoms_match(argv + i, want + i, x->x_tolerance);
    n_run++;
    n_failed += !ok;
    fprintf(stderr, "%s %d - %s", ok ? "ok" : "not ok", n_run, x->x_label->s_name);
    if (x->x_rms && n == argc)
        fprintf(stderr, " (relative rms %.3g of %d numbers)", error, n);
    if (!ok) {
        print_message(": got", s, argc, argv);
        print_message(" expected", want_selector, n, want);
    }
    fprintf(stderr, "\n");
}

static void expect(t_check_expected *right, t_symbol *s, int argc, t_atom *argv)
{
    t_atom selector;
    SETSYMBOL(&selector, s);
    binbuf_clear(right->p_owner->x_expected);
    binbuf_add(right->p_owner->x_expected, 1, &selector);
    binbuf_add(right->p_owner->x_expected, argc, argv);
}

static void *check_new(t_symbol *s, int argc, t_atom *argv)
{
    t_check *x = (t_check *)pd_new(check_class);
    (void)s;
    x->x_label = atom_getsymbolarg(0, argc, argv);
    x->x_tolerance = atom_getfloatarg(1, argc, argv);
    x->x_rms = atom_getsymbolarg(2, argc, argv) == gensym("rms");
    x->x_expected = binbuf_new();
    x->x_right.p_pd = check_expected_class;
    x->x_right.p_owner = x;
    expect(&x->x_right, &s_bang, 0, NULL);
    inlet_new(&x->x_obj, &x->x_right.p_pd, 0, 0);
    return x;
}

static void check_free(t_check *x)
{
    binbuf_free(x->x_expected);
}

void check_setup(void)
{
    check_class = class_new(gensym("check"), (t_newmethod)check_new, (t_method)check_free,
                            sizeof(t_check), 0, A_GIMME, 0);
    class_addanything(check_class, check_anything);
    check_expected_class =
        class_new(gensym("check expected"), 0, 0, sizeof(t_check_expected), CLASS_PD, 0);
    class_addanything(check_expected_class, expect);
}

static t_class *done_class;

typedef struct {
    t_object x_obj;
    t_float x_n;
    t_clock *x_clock;
    double x_until; /* in seconds of real time */
} t_check_done;

static void done_tick(t_check_done *x)
{
    int bad = n_failed + (n_run != (int)x->x_n);
    if (!n_failed && n_run < (int)x->x_n && sys_getrealtime() < x->x_until) {
        clock_delay(x->x_clock, 10);
        return;
    }
    fprintf(stderr, "1..%d (%d ran, %d failed)\n", (int)x->x_n, n_run, n_failed);
    pd_vmess(gensym("pd")->s_thing, gensym("quit"), "f", (double)(bad ? 1 : 0));
}

static void done_bang(t_check_done *x)
{
    const char *patience = getenv("LATENT_PATIENCE");
    x->x_until = sys_getrealtime() + (patience ? atof(patience) : 20);
    done_tick(x);
}

static void *done_new(t_floatarg n)
{
    t_check_done *x = (t_check_done *)pd_new(done_class);
    x->x_n = n;
    x->x_clock = clock_new(x, (t_method)done_tick);
    return x;
}

static void done_free(t_check_done *x)
{
    clock_free(x->x_clock);
}

void setup_check0x2edone(void)
{
    done_class = class_new(gensym("check.done"), (t_newmethod)done_new, (t_method)done_free,
                           sizeof(t_check_done), 0, A_FLOAT, 0);
    class_addbang(done_class, done_bang);
}

static t_class *count_class;

typedef struct {
    t_object x_obj;
} t_check_count;

static void count_bang(t_check_count *x)
{
    t_atom a[2];
    SETFLOAT(a, n_run);
    SETFLOAT(a + 1, n_failed);
    outlet_list(x->x_obj.ob_outlet, &s_list, 2, a);
}

static void *count_new(void)
{
    t_check_count *x = (t_check_count *)pd_new(count_class);
    outlet_new(&x->x_obj, &s_list);
    return x;
}

void setup_check0x2ecount(void)
{
    count_class =
        class_new(gensym("check.count"), (t_newmethod)count_new, 0, sizeof(t_check_count), 0, 0);
    class_addbang(count_class, count_bang);
}
