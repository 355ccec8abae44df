/* [busy <n>]: n threads that keep so many processors busy, as another program would, while the box
   lives; "stop" ends them before.
   For the project's own test patches; never installed. */
#include <m_pd.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define MOST 64

static t_class *busy_class;

typedef struct _busy {
    t_object x_obj;
    atomic_int x_stop;
    int x_n;
    pthread_t x_thread[MOST];
} t_busy;

static void *spin(void *context)
{
    t_busy *x = context;
    while (!atomic_load(&x->x_stop))
        ;
    return NULL;
}

static void *busy_new(t_floatarg n)
{
    t_busy *x = (t_busy *)pd_new(busy_class);
    const struct sched_param normal = {0};
    pthread_attr_t other;
    pthread_attr_init(&other);
    pthread_attr_setinheritsched(&other, PTHREAD_EXPLICIT_SCHED); /* not as Pd's own thread */
    pthread_attr_setschedpolicy(&other, SCHED_OTHER);
    pthread_attr_setschedparam(&other, &normal);
    atomic_init(&x->x_stop, 0);
    x->x_n = 0;
    while (x->x_n < n && x->x_n < MOST && !pthread_create(&x->x_thread[x->x_n], &other, spin, x))
        x->x_n++;
    pthread_attr_destroy(&other);
    return x;
}

static void busy_stop(t_busy *x)
{
    atomic_store(&x->x_stop, 1);
    while (x->x_n)
        pthread_join(x->x_thread[--x->x_n], NULL);
}

void busy_setup(void)
{
    busy_class = class_new(gensym("busy"), (t_newmethod)busy_new, (t_method)busy_stop,
                           sizeof(t_busy), CLASS_DEFAULT, A_DEFFLOAT, 0);
    class_addmethod(busy_class, (t_method)busy_stop, gensym("stop"), 0);
}
