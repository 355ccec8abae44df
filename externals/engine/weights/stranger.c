/* stranger: what a file is that holds no weights we can read, so that its sentence can say what to
   do with it.  By the bytes it begins with, and where those tell nothing by its name. */
#include "table.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HEAD 512

typedef struct {
    size_t at, n;
    const char *bytes;
    const char *is;
} sign;

#define UNPACK ": unpack it first, and give the model file that was in it"
#define AS_TORCH                                                                                   \
    "; only .pkl, .pt, .pth and .safetensors files are read: look for the same network as one of " \
    "those, or convert it with the program it belongs to"
#define PICTURE ", not a network: load it with [latent.image]"
#define FILM ", not a network: look for the model file (.pkl, .pt, .pth or .safetensors)"
#define SOUND ", not a network: [latent.soundfile] listens to it"

static const sign signs[] = {
    {0, 5,
     "\xfd"
     "7zXZ",
     "an archive (xz)" UNPACK},
    {0, 4, "Rar!", "an archive (rar)" UNPACK},
    {0, 6, "7z\xbc\xaf\x27\x1c", "an archive (7z)" UNPACK},
    {0, 2, "\x1f\x8b", "a compressed archive (gzip)" UNPACK},
    {0, 3, "BZh", "a compressed archive (bzip2)" UNPACK},
    {0, 4, "\x28\xb5\x2f\xfd", "a compressed archive (zstd)" UNPACK},
    {0, 4, "\x04\x22\x4d\x18", "a compressed archive (lz4)" UNPACK},
    {0, 5, "LZIP\1", "a compressed archive (lzip)" UNPACK},
    {0, 3, "\x5d\0\0", "a compressed archive (lzma)" UNPACK},
    {257, 5, "ustar", "an archive (tar)" UNPACK},
    {0, 4, "PK\5\6", "an empty zip archive: there is no model in it"},
    {0, 4, "GGUF", "a language model (GGUF)" AS_TORCH},
    {0, 4, "lmgg", "a language model (GGML)" AS_TORCH},
    {0, 4, "tjgg", "a language model (GGJT)" AS_TORCH},
    {0, 8, "\x89HDF\r\n\x1a\n", "a network of Keras or other HDF5 data (.h5)" AS_TORCH},
    {4, 4, "TFL3", "a network of TensorFlow Lite (.tflite)" AS_TORCH},
    {0, 3, "\x08\x01\x12", "a network of TensorFlow (saved_model.pb)" AS_TORCH},
    {0, 6, "\x93NUMPY", "an array of numpy (.npy), not a network: read it with [latent.file]"},
    {0, 8, "\x89PNG\r\n\x1a\n", "a picture (PNG)" PICTURE},
    {0, 3, "\xff\xd8\xff", "a picture (JPEG)" PICTURE},
    {0, 4, "GIF8", "a picture (GIF)" PICTURE},
    {8, 4, "WEBP", "a picture (WebP)" PICTURE},
    {0, 4, "II*\0", "a picture (TIFF)" PICTURE},
    {0, 4, "MM\0*", "a picture (TIFF)" PICTURE},
    {0, 2, "BM", "a picture (BMP)" PICTURE},
    {0, 4, "8BPS", "a picture of Photoshop (PSD)" PICTURE},
    {8, 4, "avif", "a picture (AVIF)" PICTURE},
    {8, 4, "heic", "a picture (HEIC)" PICTURE},
    {8, 4, "mif1", "a picture (HEIF)" PICTURE},
    {4, 4, "ftyp", "a film (MP4 or its kin)" FILM},
    {0, 4, "\x1a\x45\xdf\xa3", "a film (Matroska or WebM)" FILM},
    {8, 4, "AVI ", "a film (AVI)" FILM},
    {8, 4, "WAVE", "a sound (WAV)" SOUND},
    {0, 4, "FORM", "a sound (AIFF)" SOUND},
    {0, 4, "fLaC", "a sound (FLAC)" SOUND},
    {0, 4, "OggS", "a sound (Ogg)" SOUND},
    {0, 3, "ID3", "a sound (MP3)" SOUND},
    {0, 5, "%PDF-", "a document (PDF), not a network"},
    {0, 9, "#N canvas", "a patch of Pd, not a network"},
    {0, 10, "SQLite for", "a database (SQLite), not a network"},
    {0, 4,
     "\x7f"
     "ELF",
     "a program, not a network"},
    {0, 2, "MZ", "a program of Windows, not a network"},
    {0, 4, "\0\5\x16\7",
     "what macOS puts beside a file (its name begins with \"._\"): give the file itself"},
    {0, 19, "version https://git",
     "only a pointer of git-lfs, not the model: fetch the file itself with \"git lfs pull\", or "
     "from the web page of the project"},
    {0, 22, "model_checkpoint_path:", "a note of TensorFlow beside its checkpoints" AS_TORCH},
};

/* By the end of the name, where the bytes have nothing of their own. */
static const struct {
    const char *end, *is;
} names[] = {
    {".onnx", "a network as ONNX" AS_TORCH},
    {".pb", "a network of TensorFlow (.pb)" AS_TORCH},
    {".index", "a checkpoint of TensorFlow" AS_TORCH},
    {".meta", "a checkpoint of TensorFlow" AS_TORCH},
    {".mlmodel", "a network of Core ML" AS_TORCH},
    {".msgpack", "a network of Flax (.msgpack)" AS_TORCH},
    {".crdownload", "an unfinished download: wait for it, or fetch the file again"},
    {".part", "an unfinished download: wait for it, or fetch the file again"},
    {".download", "an unfinished download: wait for it, or fetch the file again"},
};

/* Is it text in UTF-8?  Its last character may be cut. */
static int is_plain(const uint8_t *head, size_t n)
{
    size_t more = 0; /* bytes of a character that are to come */
    for (size_t i = 0; i < n; i++) {
        if (more ? head[i] >> 6 != 2 : head[i] >> 6 == 2 || head[i] > 0xf4)
            return 0;
        if (more)
            more--;
        else if (head[i] >= 0xc0)
            more = head[i] < 0xe0 ? 1 : head[i] < 0xf0 ? 2 : 3;
        else if (head[i] < 32 && !isspace(head[i]) && head[i] != 27)
            return 0;
    }
    return n > 0;
}

/* A web page, or another text between angle brackets. */
static const char *mark_up(const char *text)
{
    if (!strncmp(text, "\xef\xbb\xbf", 3))
        text += 3;
    text += strspn(text, " \t\r\n");
    if (*text != '<')
        return NULL;
    if (!strncasecmp(text, "<svg", 4) || strstr(text, "<svg"))
        return "a drawing (SVG), not a network";
    return "a web page, not a model: the download did not give the file itself; fetch it again "
           "with the page's own download button";
}

/* ONNX is a protobuf: the version of the format, then the name of who wrote it, or the graph. */
static int is_onnx(const uint8_t *head, size_t n)
{
    return n > 4 && head[0] == 8 && head[1] > 0 && head[1] < 32 && head[2] && head[2] < 0x80 &&
           strchr("\x12\x1a\x22\x3a\x42", head[2]);
}

static const char *by_name(const char *path)
{
    size_t n = path ? strlen(path) : 0;
    if (path && strstr(path, ".data-00000-of-"))
        return "a checkpoint of TensorFlow" AS_TORCH;
    for (size_t i = 0; path && i < sizeof(names) / sizeof(*names); i++) {
        size_t m = strlen(names[i].end);
        if (n > m && !strcasecmp(path + n - m, names[i].end))
            return names[i].is;
    }
    return NULL;
}

/* What it is, or NULL when neither its bytes nor its name tell. */
static const char *what_is(const uint8_t *head, size_t n, const char *path)
{
    const char *is;
    size_t zeros = 0;
    for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++)
        if (n >= signs[i].at + signs[i].n &&
            !memcmp(head + signs[i].at, signs[i].bytes, signs[i].n))
            return signs[i].is;
    if ((is = mark_up((const char *)head)) || (is = by_name(path)))
        return is;
    if (is_onnx(head, n))
        return "a network as ONNX" AS_TORCH;
    while (zeros < n && !head[zeros])
        zeros++;
    if (zeros == n)
        return "a file of zeros: its download was not finished; fetch it again";
    if (head[0] == 0x80 && n > 1 && head[1] > 5 && head[1] < 10)
        return "a pickle newer than protocol 5, which is the newest one that is known: save it "
               "again with protocol 4";
    if (head[0] == '{' && is_plain(head, n))
        return "a text with settings (JSON), not the network: the weights lie beside it, in a "
               ".safetensors, .pt or .bin file";
    return is_plain(head, n) ? "a text, not a network" : NULL;
}

int latent_stranger(const latent_bytes *source, const char *path, latent_error *e)
{
    uint8_t head[HEAD + 1] = {0};
    size_t n = source->size < HEAD ? (size_t)source->size : HEAD;
    const char *is;
    if (latent_bytes_read(source, 0, head, n, e) < 0)
        return -1;
    if ((is = what_is(head, n, path)))
        return latent_fail(e, "this is %s", is);
    return latent_fail(e,
                       "this is no model file (it begins with the bytes %02x %02x): a .pkl, "
                       ".pt, .pth or .safetensors file is expected",
                       head[0], head[1]);
}

/* A zip archive that torch did not write. */
int latent_stranger_zip(const latent_zip *z, latent_error *e)
{
    static const struct {
        const char *end, *is;
    } members[] = {
        {"model.weights.h5", "a network of Keras (.keras)" AS_TORCH},
        {".mlmodel", "a network of Core ML" AS_TORCH},
        {"word/document.xml", "a document of Word, not a network"},
        {".npy", "an archive of arrays of numpy (.npz), not a network: read it with [latent.file]"},
        {".pd", "an archive with patches, not a network" UNPACK},
    };
    static const char *const models[] = {".safetensors", ".pkl", ".pt", ".pth", ".ckpt", ".bin"};
    for (size_t i = 0; i < z->count; i++)
        for (size_t k = 0; k < sizeof(models) / sizeof(*models); k++)
            if (latent_ends_with(z->members[i].name, models[k]))
                return latent_fail(e,
                                   "this is a zip archive with a model in it: unpack it first, and "
                                   "give the file %s that was in it",
                                   latent_print(z->members[i].name).text);
    for (size_t k = 0; k < sizeof(members) / sizeof(*members); k++)
        for (size_t i = 0; i < z->count; i++)
            if (latent_ends_with(z->members[i].name, members[k].end))
                return latent_fail(e, "this is %s", members[k].is);
    return latent_fail(e, "this is a zip archive without a model in it (it has no data.pkl, so "
                          "torch did not write it): a .pt or .pth file is expected");
}
