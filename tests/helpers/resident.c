/* [resident]: how much memory Pd holds.  A bang sends the resident size in MB (Linux; elsewhere the
   largest that it was).
   For the project's own test patches; never installed. */
#include <m_pd.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static t_class *resident_class;

typedef struct {
    t_object x_obj;
} t_resident;

static double resident_mb(void)
{
    long all = 0, pages = 0;
    struct rusage used;
    FILE *f = fopen("/proc/self/statm", "r");
    int known = f && fscanf(f, "%ld %ld", &all, &pages) == 2;
    if (f)
        fclose(f);
    if (known)
        return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1048576;
    getrusage(RUSAGE_SELF, &used);
#ifdef __APPLE__
    return (double)used.ru_maxrss / 1048576;
#else
    return (double)used.ru_maxrss / 1024;
#endif
}

static void resident_bang(t_resident *x)
{
    outlet_float(x->x_obj.ob_outlet, (t_float)resident_mb());
}

static void *resident_new(void)
{
    t_resident *x = (t_resident *)pd_new(resident_class);
    outlet_new(&x->x_obj, &s_float);
    return x;
}

void resident_setup(void)
{
    resident_class =
        class_new(gensym("resident"), (t_newmethod)resident_new, 0, sizeof(t_resident), 0, 0);
    class_addbang(resident_class, resident_bang);
}
