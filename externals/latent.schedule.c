/* [latent.schedule model]: how much noise there is at each step on the way from noise to a picture.

   float        how many steps (1 to 1000), and the list
   bang         the list
   list         a schedule of one's own: 2 to 1001 levels that fall, 1 at most, the last usually 0;
                checked, and sent
   steps n      (4) how many; from f  (1) begin at that share of the way: 0.6 leaves the picture
                more of what it was
   spacing trailing, leading, linspace, karras, lcm      where the steps are (trailing)
   rho f        (7) of karras: the higher, the more steps where little noise is left
   shift f      (1) above 1 more steps where there is much noise
   info         the settings, to the right outlet
   outlets      list: the level before each step and after the last, 1 noise alone, 0 clean; right:
                timesteps (999 to 0, as other programs count), info

   Settings are flags too; each sends the list anew.  A model's name is for networks that learned
   to add noise in another way than the built-in one. */
#include "engine/diffusion/noised.h"
#include "pd/box.h"
#include "pd/modelref.h"
#include <stddef.h>

static t_class *latent_schedule_class;

typedef struct {
    int steps, spacing;
    double from, rho, shift;
} t_spacing;

typedef struct {
    t_object x_obj;
    t_latent_modelref *x_model; /* or NULL */
    t_spacing x_set, x_good;    /* the latter could be made */
    t_latent_list x_level;      /* that is sent */
    t_latent_list x_timestep;
    t_outlet *x_out, *x_info;
} t_latent_schedule;

static void latent_schedule_changed(void *x);

#define AT(field) (offsetof(t_latent_schedule, x_set) + offsetof(t_spacing, field))
static const t_latent_param latent_schedule_params[] = {
    {"steps", LATENT_WHOLE, AT(steps), 1, LATENT_MOST_STEPS, NULL, latent_schedule_changed},
    {"spacing", LATENT_CHOICE, AT(spacing), 0, 0, LATENT_SPACINGS, latent_schedule_changed},
    {"from", LATENT_REAL, AT(from), 0.001, 1, NULL, latent_schedule_changed},
    {"rho", LATENT_REAL, AT(rho), 1, 100, NULL, latent_schedule_changed},
    {"shift", LATENT_REAL, AT(shift), 0.01, 100, NULL, latent_schedule_changed},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

static latent_noising latent_schedule_noising(const t_latent_schedule *x)
{
    return latent_model_noising(x->x_model ? latent_modelref_get(x->x_model, 1) : NULL);
}

/* Makes the list of the settings; those that make none become what they were. */
static int latent_schedule_make(t_latent_schedule *x)
{
    const t_spacing *s = &x->x_set;
    const latent_schedule plan = {latent_schedule_noising(x),
                                  (latent_spacing)s->spacing,
                                  s->steps,
                                  s->from,
                                  s->rho,
                                  s->shift};
    double timestep[LATENT_MOST_STEPS];
    latent_error e;
    if (latent_schedule_levels(&plan, NULL, timestep, &e)) {
        latent_complain(&x->x_obj, "%s", e.text);
        x->x_set = x->x_good;
        return -1;
    }
    if (latent_list_room(&x->x_obj, &x->x_level, s->steps + 1) ||
        latent_list_room(&x->x_obj, &x->x_timestep, s->steps))
        return -1;
    latent_schedule_levels(&plan, x->x_level.v, NULL, &e);
    for (int i = 0; i < s->steps; i++)
        x->x_timestep.v[i] = (float)timestep[i];
    x->x_good = x->x_set;
    return 0;
}

static void latent_schedule_bang(t_latent_schedule *x)
{
    latent_list_send_as(x->x_info, gensym("timesteps"), x->x_timestep.n, x->x_timestep.v);
    latent_list_send(x->x_out, x->x_level.n, x->x_level.v);
}

static void latent_schedule_changed(void *z)
{
    if (!latent_schedule_make(z))
        latent_schedule_bang(z);
}

static void latent_schedule_float(t_latent_schedule *x, t_floatarg f)
{
    t_atom steps;
    SETFLOAT(&steps, f);
    latent_params_message(&x->x_obj, gensym("steps"), 1, &steps);
}

static void latent_schedule_list(t_latent_schedule *x, t_symbol *s, int argc, t_atom *argv)
{
    t_latent_list own = {0, 0, NULL};
    latent_noising noising = latent_schedule_noising(x);
    latent_error e;
    (void)s;
    if (latent_list_set(&x->x_obj, &own, argc, argv))
        return;
    if (latent_schedule_check(own.v, own.n, &e))
        latent_complain(&x->x_obj, "%s", e.text);
    else if (!latent_list_copy(&x->x_obj, &x->x_level, own.n, own.v) &&
             !latent_list_room(&x->x_obj, &x->x_timestep, own.n - 1)) {
        for (int i = 0; i < own.n - 1; i++)
            x->x_timestep.v[i] =
                (float)latent_timestep(latent_pair_of((double)own.v[i], noising), noising);
        latent_schedule_bang(x);
    }
    latent_list_free(&own);
}

static void latent_schedule_info(t_latent_schedule *x)
{
    latent_params_info(&x->x_obj, latent_schedule_params, x->x_info);
}

static void *latent_schedule_new(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_schedule *x = (t_latent_schedule *)pd_new(latent_schedule_class);
    (void)s;
    x->x_set = x->x_good = (t_spacing){.steps = 4, .from = 1, .rho = 7, .shift = 1};
    argc = latent_params_flags(&x->x_obj, latent_schedule_params, argc, argv);
    latent_params_rest(&x->x_obj, argc && latent_modelref_is_word(argv), argc, argv);
    x->x_out = outlet_new(&x->x_obj, &s_list);
    x->x_info = outlet_new(&x->x_obj, 0);
    if (argc && latent_modelref_is_word(argv))
        x->x_model = latent_modelref_new_of(&x->x_obj, LATENT_DENOISER, argv->a_w.w_symbol,
                                            latent_schedule_changed);
    if (latent_schedule_make(x))
        latent_schedule_make(x);
    return x;
}

static void latent_schedule_free(t_latent_schedule *x)
{
    latent_modelref_free(x->x_model);
    latent_list_free(&x->x_level);
    latent_list_free(&x->x_timestep);
}

void setup_latent0x2eschedule(void)
{
    t_class *c = class_new(gensym("latent.schedule"), (t_newmethod)latent_schedule_new,
                           (t_method)latent_schedule_free, sizeof(t_latent_schedule), CLASS_DEFAULT,
                           A_GIMME, 0);
    latent_schedule_class = c;
    latent_takes(c, LATENT_TAKES_VALUES);
    class_addbang(c, latent_schedule_bang);
    class_addfloat(c, latent_schedule_float);
    class_addlist(c, latent_schedule_list);
    latent_params_setup(c, latent_schedule_params);
    latent_takes_alone(c, (t_method)latent_schedule_info, "info");
}
