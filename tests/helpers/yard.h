/* yard: what the three parts of the helper box [yard] share: the patch with its boxes (yard.c), all
   wrong cords (yard_cords.c) and random messages (yard_random.c). */
#ifndef LATENT_YARD_H
#define LATENT_YARD_H
#include <m_pd.h>

#include <g_canvas.h>
#include <m_imp.h>

#define YARD_CLASSES 100
#define YARD_ALIVE 64
#define YARD_HEARD 32

typedef struct {
    t_object x_obj;
    t_canvas *x_canvas; /* the patch, or NULL before the first message */
    t_object *x_hand;   /* in it */
    t_symbol *x_class[YARD_CLASSES];
    int x_classes;
    t_object *x_sent_to; /* the box that is being sent to, or NULL */
    /* what boxes said: how many messages, and of which kinds; the last promises of each kind */
    int x_heard;
    unsigned x_sum;
    t_symbol *x_promise[YARD_HEARD];
    t_atom x_promises[YARD_HEARD][4];
    int x_promised;
    /* random messages */
    unsigned x_state;
    int x_left, x_wanted, x_say, x_offline;
    t_object *x_alive[YARD_ALIVE];
    double x_longest; /* seconds of Pd's own work for one message */
    char x_slowest[100];
    t_clock *x_clock;
} t_yard;

/* An object of these words ("latent.layer 8"), or NULL; yard_box: its outlets are heard, too. */
t_object *yard_make(t_yard *x, const char *words);
t_object *yard_box(t_yard *x, const char *words);
void yard_delete(t_yard *x, t_object *box);
void yard_send(t_yard *x, t_object *box, int inlet, t_symbol *s, int argc, t_atom *argv);
/* Called for whatever a box says. */
void yard_hear(t_yard *x, t_object *box, t_symbol *s, int argc, const t_atom *argv);

/* How many errors were posted since the last call, and the newest of all. */
int yard_errors(void);
const char *yard_last_error(void);

int yard_try_cords(t_yard *x);
int yard_try_names(t_yard *x);
void yard_random_begin(t_yard *x, unsigned seed, int n, int alive);
void yard_random_heard(t_yard *x, t_object *box);
void yard_random_tick(t_yard *x);

#endif
