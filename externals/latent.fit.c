/* [latent.fit line]: learning at its smallest.  Points come in; each bang goes one step downhill on
   the error between them and a line, a polynomial, or a small network; pits: balls roll down a
   landscape, each into its own pit.

   Arguments: line; poly n (degree 1 to 9, 3); net n (1 to 64 neurons, 8); pits (balls: -balls n).
   Flags, each a message too: -rate f (0.3; 0 to 1) how far a step goes; -momentum f (0; to 0.99)
   how much of the last step goes on; -balls n (20; 1 to 200); -seed n (0) first weights or places;
   -size n (256) pixels of the picture.

   bang      one step
   list x y  one more point, or several (x y x y ...); of pits a ball each, x and y in -1 to 1
   clear     no points; of pits no balls
   solve     the best line or polynomial at once
   set list  a line or polynomial by hand: its numbers as they come out (a b)
   ask x     "answer y" to the right outlet: what is found for this x
   again     begins again with the points that are there
   info      to the right outlet

   Outlets: list of what has been found (a b of y = ax + b; coefficients, the highest power first;
   w, b, v of each neuron, then c; x y of each ball); image; loss f, answer f, info. */
#include "engine/ops/ops.h"
#include "pd/box.h"
#include <math.h>
#include <stddef.h>

static t_class *latent_fit_class;

typedef struct {
    t_object x_obj;
    int x_kind, x_n; /* a latent_fit_kind; degree or neurons */
    double x_rate, x_momentum, x_seed;
    int x_balls, x_size;
    latent_fit *x_fit;
    latent_node *x_last; /* the picture that was sent last, or NULL */
    t_outlet *x_image, *x_info;
} t_latent_fit;

static void fit_send(t_latent_fit *x)
{
    float numbers[LATENT_FIT_NUMBERS];
    int count = latent_fit_numbers(x->x_fit, numbers);
    latent_error e;
    latent_node *n = latent_op_fit_view(x->x_fit, x->x_size, &e), *before = x->x_last;
    t_atom loss;
    if (!n) {
        latent_complain(&x->x_obj, "%s", e.text);
        return;
    }
    x->x_last = n;
    latent_node_release(before);
    SETFLOAT(&loss, (t_float)latent_fit_loss(x->x_fit));
    outlet_anything(x->x_info, gensym("loss"), 1, &loss);
    latent_promise_send(x->x_image, x->x_last);
    latent_list_send(x->x_obj.ob_outlet, count, numbers);
}

static void latent_fit_bang(t_latent_fit *x)
{
    latent_fit_step(x->x_fit, x->x_rate, x->x_momentum);
    fit_send(x);
}

static void latent_fit_again_message(t_latent_fit *x)
{
    latent_fit_again(x->x_fit, x->x_kind == LATENT_FIT_PITS ? x->x_balls : x->x_n,
                     (uint32_t)x->x_seed);
    fit_send(x);
}

static void fit_begin(void *z)
{
    latent_fit_again_message(z);
}

static void fit_reseed(void *z)
{
    t_latent_fit *x = z;
    if (x->x_kind >= LATENT_FIT_NET)
        latent_fit_again_message(x);
}

static void fit_reball(void *z)
{
    t_latent_fit *x = z;
    if (x->x_kind == LATENT_FIT_PITS)
        fit_begin(x);
}

static void fit_resize(void *z)
{
    t_latent_fit *x = z;
    if (x->x_last)
        fit_send(x);
}

static const t_latent_param latent_fit_params[] = {
    {"rate", LATENT_REAL, offsetof(t_latent_fit, x_rate), 0, 1, NULL, NULL},
    {"momentum", LATENT_REAL, offsetof(t_latent_fit, x_momentum), 0, .99, NULL, NULL},
    {"balls", LATENT_WHOLE, offsetof(t_latent_fit, x_balls), 1, LATENT_FIT_BALLS, NULL, fit_reball},
    {"seed", LATENT_REAL, offsetof(t_latent_fit, x_seed), 0, 4294967295.0, NULL, fit_reseed},
    {"size", LATENT_WHOLE, offsetof(t_latent_fit, x_size), LATENT_RULE_SMALLEST,
     LATENT_RULE_LARGEST, NULL, fit_resize},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

static void latent_fit_list(t_latent_fit *x, t_symbol *s, int argc, t_atom *argv)
{
    t_latent_list list = {0, 0, NULL};
    latent_error e;
    (void)s;
    if (!argc || argc % 2)
        latent_complain(&x->x_obj,
                        "a point is two numbers, x and y, but %d came; [pack] makes a list of "
                        "two",
                        argc);
    else if (!latent_list_set(&x->x_obj, &list, argc, argv)) {
        for (int i = 0; i < argc; i += 2)
            if (latent_fit_point(x->x_fit, list.v[i], list.v[i + 1], &e)) {
                latent_complain(&x->x_obj, "%s", e.text);
                break;
            }
        fit_send(x);
    }
    latent_list_free(&list);
}

static void latent_fit_clear_message(t_latent_fit *x)
{
    latent_fit_clear(x->x_fit);
    fit_send(x);
}

static void latent_fit_solve_message(t_latent_fit *x)
{
    if (latent_fit_solve(x->x_fit))
        latent_complain(&x->x_obj,
                        "there is no formula that solves %s at once: bang steps towards "
                        "it",
                        x->x_kind == LATENT_FIT_NET ? "a network" : "pits");
    else
        fit_send(x);
}

static void latent_fit_set_message(t_latent_fit *x, t_symbol *s, int argc, t_atom *argv)
{
    float numbers[LATENT_FIT_NUMBERS];
    t_latent_list list = {0, 0, NULL};
    (void)s;
    if (x->x_kind != LATENT_FIT_LINE && x->x_kind != LATENT_FIT_POLY)
        latent_complain(&x->x_obj, "only a line or a polynomial is set by hand; %s is not",
                        x->x_kind == LATENT_FIT_NET ? "a network" : "a ball in pits");
    else if (!latent_list_set(&x->x_obj, &list, argc, argv)) {
        if (latent_fit_set(x->x_fit, list.v, argc))
            latent_complain(&x->x_obj, "set wants %d numbers, the highest power first, but %d came",
                            latent_fit_numbers(x->x_fit, numbers), argc);
        else
            fit_send(x);
    }
    latent_list_free(&list);
}

static void latent_fit_ask_message(t_latent_fit *x, t_symbol *s, int argc, t_atom *argv)
{
    t_atom answer;
    (void)s;
    if (argc != 1 || argv->a_type != A_FLOAT || !isfinite(argv->a_w.w_float)) {
        latent_complain(&x->x_obj, "ask wants one number, the x of a question");
        return;
    }
    SETFLOAT(&answer, (t_float)latent_fit_ask(x->x_fit, (double)argv->a_w.w_float));
    outlet_anything(x->x_info, gensym("answer"), 1, &answer);
}

static void latent_fit_info(t_latent_fit *x)
{
    static const char *const names[] = {"line", "poly", "net", "pits"};
    latent_info_word(x->x_info, "kind", names[x->x_kind]);
    latent_params_info(&x->x_obj, latent_fit_params, x->x_info);
}

static void *latent_fit_new_box(t_symbol *s, int argc, t_atom *argv)
{
    static const int usual[] = {1, 3, 8, 20};
    t_latent_fit *x = (t_latent_fit *)pd_new(latent_fit_class);
    latent_error e;
    int place;
    (void)s;
    x->x_rate = .3;
    x->x_balls = 20;
    x->x_size = 256;
    argc = latent_params_flags(&x->x_obj, latent_fit_params, argc, argv);
    if (argc && (place = latent_choice(&x->x_obj, "kind", "line poly net pits", argv)) >= 0)
        x->x_kind = place;
    x->x_n = argc > 1 ? (int)fmax(1, fmin(64, (double)atom_getfloat(argv + 1))) : usual[x->x_kind];
    latent_params_rest(&x->x_obj, 2, argc, argv);
    x->x_fit =
        latent_fit_new((latent_fit_kind)x->x_kind,
                       x->x_kind == LATENT_FIT_PITS ? x->x_balls : x->x_n, (uint32_t)x->x_seed, &e);
    if (!x->x_fit) {
        latent_complain(&x->x_obj, "%s", e.text);
        pd_free(&x->x_obj.ob_pd);
        return NULL;
    }
    outlet_new(&x->x_obj, &s_list);
    x->x_image = outlet_new(&x->x_obj, 0);
    x->x_info = outlet_new(&x->x_obj, 0);
    return x;
}

static void latent_fit_free_box(t_latent_fit *x)
{
    latent_fit_free(x->x_fit);
    latent_node_release(x->x_last);
}

void setup_latent0x2efit(void)
{
    latent_fit_class =
        class_new(gensym("latent.fit"), (t_newmethod)latent_fit_new_box,
                  (t_method)latent_fit_free_box, sizeof(t_latent_fit), 0, A_GIMME, 0);
    latent_takes(latent_fit_class, LATENT_TAKES_VALUES);
    class_addbang(latent_fit_class, latent_fit_bang);
    class_addlist(latent_fit_class, latent_fit_list);
    class_addmethod(latent_fit_class, (t_method)latent_fit_clear_message, gensym("clear"), 0);
    class_addmethod(latent_fit_class, (t_method)latent_fit_solve_message, gensym("solve"), 0);
    class_addmethod(latent_fit_class, (t_method)latent_fit_again_message, gensym("again"), 0);
    class_addmethod(latent_fit_class, (t_method)latent_fit_set_message, gensym("set"), A_GIMME, 0);
    class_addmethod(latent_fit_class, (t_method)latent_fit_ask_message, gensym("ask"), A_GIMME, 0);
    latent_takes_alone(latent_fit_class, (t_method)latent_fit_info, "info");
    latent_params_setup(latent_fit_class, latent_fit_params);
}
