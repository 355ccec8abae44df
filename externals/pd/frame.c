/* frame: see frame.h */
#include "frame.h"
#include "engine/picture/screen.h"
#include <stdio.h>

/* Purr Data has no pdgui_vmess.  Nothing is drawn there, but every box loads. */
#pragma weak pdgui_vmess

#define MARK_HEIGHT 2 /* of inlet and outlet */

void latent_frame_init(t_latent_frame *f, t_object *owner, int w, int h)
{
    f->owner = owner;
    f->glist = canvas_getcurrent();
    f->w = w;
    f->h = h;
    f->drawn = f->has_photo = 0;
    snprintf(f->tag, sizeof(f->tag), "latentframe%p", (void *)f);
    snprintf(f->photo, sizeof(f->photo), "latentphoto%p", (void *)f);
}

void latent_frame_free(t_latent_frame *f)
{
    if (f->has_photo) /* items of a window that was closed are gone already */
        pdgui_vmess("image", "rs", "delete", f->photo);
    f->has_photo = 0;
}

int latent_frame_visible(const t_latent_frame *f)
{
    return f->drawn && glist_isvisible(f->glist);
}

int latent_frame_zoom(const t_latent_frame *f)
{
    return glist_getzoom(glist_getcanvas(f->glist));
}

void latent_frame_rectangle(const t_latent_frame *f, t_glist *glist, int *x1, int *y1, int *x2,
                            int *y2)
{
    *x1 = text_xpix(f->owner, glist);
    *y1 = text_ypix(f->owner, glist);
    *x2 = *x1 + f->w * latent_frame_zoom(f);
    *y2 = *y1 + f->h * latent_frame_zoom(f);
}

void latent_frame_save_size(t_latent_frame *f)
{
    t_binbuf *words = binbuf_new();
    int n = binbuf_getnatom(f->owner->te_binbuf), i = 1;
    t_atom *a = binbuf_getvec(f->owner->te_binbuf);
    while (i < n && (a[i].a_type != A_SYMBOL || a[i].a_w.w_symbol == gensym("-size")))
        i++;
    binbuf_add(words, 1, a);
    binbuf_addv(words, "ii", f->w, f->h);
    binbuf_add(words, n - i, a + i);
    binbuf_free(f->owner->te_binbuf);
    f->owner->te_binbuf = words;
}

static void draw_rectangle(const t_latent_frame *f, int x1, int y1, int x2, int y2,
                           const char *fill, const char *line, const char *name)
{
    const char *tags[2] = {f->tag, name};
    pdgui_vmess(0, "crr iiii rs rs ri rS", glist_getcanvas(f->glist), "create", "rectangle", x1, y1,
                x2, y2, "-fill", fill, "-outline", line, "-width", latent_frame_zoom(f), "-tags", 2,
                tags);
}

/* The line around it, which shows whether the box is selected. */
static const char *outline(const t_latent_frame *f, char *name, size_t room)
{
    snprintf(name, room, "%sOUTLINE", f->tag);
    return name;
}

void latent_frame_show(t_latent_frame *f)
{
    int x1, y1, x2, y2, zoom = latent_frame_zoom(f);
    const char *tags[1] = {f->tag};
    char name[60];
    if (!pdgui_vmess)
        return;
    latent_frame_rectangle(f, f->glist, &x1, &y1, &x2, &y2);
    pdgui_vmess("image", "rrs", "create", "photo", f->photo);
    f->has_photo = 1;
    draw_rectangle(f, x1, y1, x2, y2, "#808080", "", "ground");
    pdgui_vmess(0, "crr ii rs rr rS", glist_getcanvas(f->glist), "create", "image", (x1 + x2) / 2,
                (y1 + y2) / 2, "-image", f->photo, "-anchor", "center", "-tags", 1, tags);
    draw_rectangle(f, x1, y1, x2, y2, "", "#000000", outline(f, name, sizeof(name)));
    draw_rectangle(f, x1, y1, x1 + IOWIDTH * zoom, y1 + MARK_HEIGHT * zoom, "#000000", "#000000",
                   "inlet");
    draw_rectangle(f, x1, y2 - MARK_HEIGHT * zoom, x1 + IOWIDTH * zoom, y2, "#000000", "#000000",
                   "outlet");
    f->drawn = 1;
}

void latent_frame_hide(t_latent_frame *f)
{
    f->drawn = 0;
    if (pdgui_vmess)
        pdgui_vmess(0, "crs", glist_getcanvas(f->glist), "delete", f->tag);
}

void latent_frame_move(t_latent_frame *f, t_glist *glist, int dx, int dy)
{
    int zoom = latent_frame_zoom(f);
    f->owner->te_xpix += dx;
    f->owner->te_ypix += dy;
    if (!latent_frame_visible(f))
        return;
    pdgui_vmess(0, "crsii", glist_getcanvas(glist), "move", f->tag, dx * zoom, dy * zoom);
    canvas_fixlinesfor(glist, f->owner);
}

void latent_frame_select(t_latent_frame *f, int on)
{
    char name[60];
    if (latent_frame_visible(f))
        pdgui_vmess(0, "crsrs", glist_getcanvas(f->glist), "itemconfigure",
                    outline(f, name, sizeof(name)), "-outline", on ? "#0000ff" : "#000000");
}

void latent_frame_picture(t_latent_frame *f, const char *file)
{
    if (!f->has_photo)
        return;
    if (file) {
        pdgui_vmess(f->photo, "rsrsr", "read", file, "-format", "ppm", "-shrink");
        latent_frame_delete_file(file);
    } else
        pdgui_vmess(f->photo, "r", "blank");
}

void latent_frame_delete_file(const char *file)
{
    if (pdgui_vmess)
        pdgui_vmess("file", "rs", "delete", file);
    else
        latent_screen_forget(file);
}
