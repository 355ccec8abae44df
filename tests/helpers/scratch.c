/* [scratch]: a folder for the files of one test, empty when the test begins and removed after it
   (tests/run.sh makes it and names it in the environment, LATENT_SCRATCH; for the patch it is
   the home folder, too).
     bang             sends the folder as a symbol
     symbol name      sends the path of that file in the folder
     size name        sends how many bytes the file has, -1 when there is none
     same a b         sends 1 when two files hold the same bytes, else 0
     garbage name n   writes n bytes that mean nothing
     copy file name   copies a fixture (from LATENT_ORACLE) into the folder
     cut file name n  copies the first n bytes of it
     case file name   copies one of the small files that failed (from LATENT_CASES)
     line name ...    adds a line to a patch in the folder, whose own folder is made
     play name        opens that patch
   For the project's own test patches; never installed. */
#include <m_pd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static t_class *scratch_class;

typedef struct {
    t_object x_obj;
} t_scratch;

static const char *folder_of(const char *variable)
{
    const char *folder = getenv(variable);
    return folder ? folder : ".";
}

static void path_of(t_symbol *name, char *path)
{
    snprintf(path, MAXPDSTRING, "%s/%s", folder_of("LATENT_SCRATCH"), name->s_name);
}

static void scratch_bang(t_scratch *x)
{
    outlet_symbol(x->x_obj.ob_outlet, gensym(folder_of("LATENT_SCRATCH")));
}

static void scratch_symbol(t_scratch *x, t_symbol *name)
{
    char path[MAXPDSTRING];
    path_of(name, path);
    outlet_symbol(x->x_obj.ob_outlet, gensym(path));
}

static void scratch_size(t_scratch *x, t_symbol *name)
{
    char path[MAXPDSTRING];
    struct stat status;
    path_of(name, path);
    outlet_float(x->x_obj.ob_outlet, stat(path, &status) ? -1 : (t_float)status.st_size);
}

static void scratch_same(t_scratch *x, t_symbol *a, t_symbol *b)
{
    char path[MAXPDSTRING];
    path_of(a, path);
    FILE *f = fopen(path, "rb");
    path_of(b, path);
    FILE *g = fopen(path, "rb");
    int same = f && g, byte;
    while (same && (byte = getc(f)) == getc(g) && byte != EOF)
        ;
    same = same && feof(f) && feof(g);
    if (f)
        fclose(f);
    if (g)
        fclose(g);
    outlet_float(x->x_obj.ob_outlet, same);
}

static void scratch_garbage(t_scratch *x, t_symbol *name, t_floatarg n)
{
    char path[MAXPDSTRING];
    unsigned state = 1;
    path_of(name, path);
    FILE *f = fopen(path, "wb");
    if (!f) {
        pd_error(x, "scratch: can't write %s", path);
        return;
    }
    for (int i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        putc((int)(state >> 24), f);
    }
    fclose(f);
}

static void copy_bytes(t_scratch *x, const char *folder, t_symbol *file, t_symbol *name,
                       double most)
{
    char from[MAXPDSTRING], path[MAXPDSTRING];
    snprintf(from, sizeof(from), "%s/%s", folder_of(folder), file->s_name);
    path_of(name, path);
    FILE *f = fopen(from, "rb"), *g = fopen(path, "wb");
    int byte;
    if (!f || !g)
        pd_error(x, "scratch: can't copy %s to %s", from, path);
    else
        for (double n = 0; n < most && (byte = getc(f)) != EOF; n++)
            putc(byte, g);
    if (f)
        fclose(f);
    if (g)
        fclose(g);
}

static void scratch_copy(t_scratch *x, t_symbol *file, t_symbol *name)
{
    copy_bytes(x, "LATENT_ORACLE", file, name, 1e15);
}

static void scratch_cut(t_scratch *x, t_symbol *file, t_symbol *name, t_floatarg n)
{
    copy_bytes(x, "LATENT_ORACLE", file, name, n);
}

static void scratch_case(t_scratch *x, t_symbol *file, t_symbol *name)
{
    copy_bytes(x, "LATENT_CASES", file, name, 1e15);
}

static void scratch_line(t_scratch *x, t_symbol *s, int argc, t_atom *argv)
{
    char path[MAXPDSTRING], word[MAXPDSTRING], *slash;
    FILE *f;
    (void)s;
    path_of(atom_getsymbolarg(0, argc, argv), path);
    slash = strrchr(path, '/');
    *slash = 0;
    mkdir(path, 0777);
    *slash = '/';
    if (!(f = fopen(path, "a"))) {
        pd_error(x, "scratch: can't write %s", path);
        return;
    }
    for (int i = 1; i < argc; i++) {
        atom_string(argv + i, word, sizeof(word));
        fprintf(f, "%s%s", word, i < argc - 1 ? " " : ";\n");
    }
    fclose(f);
}

static void scratch_play(t_scratch *x, t_symbol *name)
{
    t_atom a[2];
    (void)x;
    SETSYMBOL(a, name);
    SETSYMBOL(a + 1, gensym(folder_of("LATENT_SCRATCH")));
    pd_typedmess(gensym("pd")->s_thing, gensym("open"), 2, a);
}

static void *scratch_new(void)
{
    t_scratch *x = (t_scratch *)pd_new(scratch_class);
    outlet_new(&x->x_obj, 0);
    return x;
}

void scratch_setup(void)
{
    t_class *c = scratch_class =
        class_new(gensym("scratch"), (t_newmethod)scratch_new, 0, sizeof(t_scratch), 0, 0);
    class_addbang(c, scratch_bang);
    class_addsymbol(c, scratch_symbol);
    class_addmethod(c, (t_method)scratch_size, gensym("size"), A_SYMBOL, 0);
    class_addmethod(c, (t_method)scratch_same, gensym("same"), A_SYMBOL, A_SYMBOL, 0);
    class_addmethod(c, (t_method)scratch_garbage, gensym("garbage"), A_SYMBOL, A_FLOAT, 0);
    class_addmethod(c, (t_method)scratch_copy, gensym("copy"), A_SYMBOL, A_SYMBOL, 0);
    class_addmethod(c, (t_method)scratch_case, gensym("case"), A_SYMBOL, A_SYMBOL, 0);
    class_addmethod(c, (t_method)scratch_line, gensym("line"), A_GIMME, 0);
    class_addmethod(c, (t_method)scratch_play, gensym("play"), A_SYMBOL, 0);
    class_addmethod(c, (t_method)scratch_cut, gensym("cut"), A_SYMBOL, A_SYMBOL, A_FLOAT, 0);
}
