/* helper_files: see helper_files.h */
#include "helper_files.h"
#include "engine/weights/weights.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bytes_free(bytes *b)
{
    free(b->data);
    memset(b, 0, sizeof(*b));
}

void put(bytes *b, const void *data, size_t n)
{
    if (n > b->room - b->size) {
        b->room = 2 * (b->size + n);
        b->data = realloc(b->data, b->room);
        if (!b->data)
            abort();
    }
    if (n)
        memcpy(b->data + b->size, data, n);
    b->size += n;
}

void put_text(bytes *b, const char *text)
{
    put(b, text, strlen(text));
}

static void put_number(bytes *b, uint64_t n, int size)
{
    for (int i = 0; i < size; i++, n >>= 8) {
        uint8_t byte = (uint8_t)n;
        put(b, &byte, 1);
    }
}

void put_u16(bytes *b, unsigned n)
{
    put_number(b, n, 2);
}

void put_u32(bytes *b, uint32_t n)
{
    put_number(b, n, 4);
}

void put_u64(bytes *b, uint64_t n)
{
    put_number(b, n, 8);
}

void put_floats(bytes *b, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, 4);
        put_u32(b, bits);
    }
}

void put_halves(bytes *b, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        put_u16(b, latent_half_from_float(x[i]));
}

/* Pickles. */

void pickle_begin(bytes *b, int protocol)
{
    put_text(b, "\x80");
    put_number(b, (uint64_t)protocol, 1);
}

void pickle_text(bytes *b, const char *text)
{
    put_text(b, "X");
    put_u32(b, (uint32_t)strlen(text));
    put_text(b, text);
}

void pickle_int(bytes *b, int64_t n)
{
    if (n >= INT32_MIN && n <= INT32_MAX) {
        put_text(b, "J");
        put_u32(b, (uint32_t)n);
    } else {
        put_text(b, "\x8a\x08");
        put_u64(b, (uint64_t)n);
    }
}

void pickle_real(bytes *b, double x)
{
    uint64_t bits;
    memcpy(&bits, &x, 8);
    put_text(b, "G");
    for (int i = 56; i >= 0; i -= 8)
        put_number(b, bits >> i, 1);
}

void pickle_bytes(bytes *b, const bytes *content)
{
    put_text(b, "B");
    put_u32(b, (uint32_t)content->size);
    put(b, content->data, content->size);
}

void pickle_latin(bytes *b, const bytes *content)
{
    bytes text = {0};
    for (size_t i = 0; i < content->size; i++) {
        uint8_t c = content->data[i], two[2] = {(uint8_t)(0xc0 | c >> 6), 0x80 | (c & 63)};
        put(&text, c < 0x80 ? &c : two, c < 0x80 ? 1 : 2);
    }
    pickle_global(b, "_codecs", "encode");
    put_text(b, "(X");
    put_u32(b, (uint32_t)text.size);
    put(b, text.data, text.size);
    pickle_text(b, "latin1");
    put_text(b, "tR");
    bytes_free(&text);
}

void pickle_global(bytes *b, const char *module, const char *name)
{
    put_text(b, "c");
    put_text(b, module);
    put_text(b, "\n");
    put_text(b, name);
    put_text(b, "\n");
}

void pickle_ints(bytes *b, const int64_t *n, int count)
{
    put_text(b, "(");
    for (int i = 0; i < count; i++)
        pickle_int(b, n[i]);
    put_text(b, "t");
}

void tensor_begin(bytes *b)
{
    pickle_global(b, "torch._utils", "_rebuild_tensor_v2");
    put_text(b, "(");
}

void tensor_end(bytes *b, int64_t offset, int rank, const int64_t *dim, const int64_t *stride)
{
    pickle_int(b, offset);
    pickle_ints(b, dim, rank);
    pickle_ints(b, stride, rank);
    put_text(b, "\x89");
    pickle_global(b, "collections", "OrderedDict");
    put_text(b, ")RtR");
}

static void id_tuple(bytes *b, const char *class, const char *key, int64_t count)
{
    put_text(b, "(");
    pickle_text(b, "storage");
    pickle_global(b, "torch", class);
    pickle_text(b, key);
    pickle_text(b, "cuda:0");
    pickle_int(b, count);
}

void storage_id(bytes *b, const char *class, const char *key, int64_t count)
{
    id_tuple(b, class, key, count);
    put_text(b, "tQ");
}

void legacy_stream(bytes *b, const bytes *object, int64_t count, const bytes *numbers)
{
    static const uint8_t magic[] = {0x80, 2,    0x8a, 10,   0x6c, 0xfc, 0x9c, 0x46,
                                    0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};
    put(b, magic, sizeof(magic));
    pickle_begin(b, 2);
    pickle_int(b, 1001);
    put_text(b, ".");
    pickle_begin(b, 2);
    put_text(b, "}");
    pickle_text(b, "little_endian");
    put_text(b, "\x88s.");
    pickle_begin(b, 2);
    put(b, object->data, object->size);
    put_text(b, ".");
    pickle_begin(b, 2);
    put_text(b, "]");
    pickle_text(b, "0");
    put_text(b, "a.");
    put_u64(b, (uint64_t)count);
    put(b, numbers->data, numbers->size);
}

void storage_embedded(bytes *b, const char *class, int64_t count, const bytes *numbers, int latin)
{
    bytes id = {0}, stream = {0};
    id_tuple(&id, class, "0", count);
    put_text(&id, "NtQ");
    legacy_stream(&stream, &id, count, numbers);
    pickle_global(b, "torch.storage", "_load_from_bytes");
    (latin ? pickle_latin : pickle_bytes)(b, &stream);
    put_text(b, "\x85R");
    bytes_free(&id);
    bytes_free(&stream);
}

/* Zip archives. */

static void zip_header(bytes *b, const zip_writer *z, const char *name, size_t size)
{
    put_u16(b, 0); /* version */
    put_u16(b, z->flags);
    put_u16(b, z->method);
    put_u32(b, 0); /* time */
    put_u32(b, 0); /* checksum, which torch's reader does not look at either */
    put_u32(b, (uint32_t)size);
    put_u32(b, (uint32_t)size);
    put_u16(b, (unsigned)strlen(name));
}

void zip_member(zip_writer *z, const char *name, const bytes *content)
{
    size_t place = z->file.size;
    put_text(&z->file, "PK\3\4");
    zip_header(&z->file, z, name, content->size);
    put_u16(&z->file, 0);
    put_text(&z->file, name);
    put(&z->file, content->data, content->size);
    put_text(&z->table, "PK\1\2");
    put_u16(&z->table, 0);
    zip_header(&z->table, z, name, content->size);
    put_u16(&z->table, 0); /* extra field, comment, disk, attributes */
    put_u16(&z->table, 0);
    put_u16(&z->table, 0);
    put_u16(&z->table, 0);
    put_u32(&z->table, 0);
    put_u32(&z->table, (uint32_t)place);
    put_text(&z->table, name);
    z->count++;
}

void zip_end(zip_writer *z)
{
    size_t place = z->file.size;
    put(&z->file, z->table.data, z->table.size);
    put_text(&z->file, "PK\5\6");
    put_u32(&z->file, 0);
    put_u16(&z->file, z->count);
    put_u16(&z->file, z->count);
    put_u32(&z->file, (uint32_t)z->table.size);
    put_u32(&z->file, (uint32_t)place);
    put_u16(&z->file, 0);
    bytes_free(&z->table);
}

/* The right files. */

static const float count_up[32] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                   16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};

static void module_begin(bytes *b, const char *class_name)
{
    pickle_global(b, "torch_utils.persistence", "_reconstruct_persistent_obj");
    put_text(b, "}(");
    pickle_text(b, "type");
    pickle_text(b, "class");
    pickle_text(b, "version");
    pickle_int(b, 6);
    pickle_text(b, "module_src");
    pickle_text(b, "# none\n");
    pickle_text(b, "class_name");
    pickle_text(b, class_name);
    pickle_text(b, "state");
    put_text(b, "}(");
}

static void module_end(bytes *b)
{
    put_text(b, "uu\x85R");
}

static void dict_begin(bytes *b, const char *key)
{
    pickle_text(b, key);
    pickle_global(b, "collections", "OrderedDict");
    put_text(b, ")R(");
}

static void numpy_dtype(bytes *b, const char *kind)
{
    pickle_global(b, "numpy", "dtype");
    pickle_text(b, kind);
    put_text(b, "\x89\x88\x87R(");
    pickle_int(b, 3);
    pickle_text(b, "<");
    put_text(b, "NNN");
    pickle_int(b, -1);
    pickle_int(b, -1);
    pickle_int(b, 0);
    put_text(b, "tb");
}

/* An array of two by three int64: 0 to 5, in the order of C or Fortran. */
static void numpy_array(bytes *b, int fortran)
{
    static const int64_t shape[] = {2, 3}, zero[] = {0};
    bytes numbers = {0};
    for (uint64_t i = 0; i < 6; i++)
        put_u64(&numbers, i);
    pickle_global(b, "numpy.core.multiarray", "_reconstruct");
    pickle_global(b, "numpy", "ndarray");
    pickle_ints(b, zero, 1);
    pickle_text(b, "b");
    put_text(b, "\x87R(");
    pickle_int(b, 1);
    pickle_ints(b, shape, 2);
    numpy_dtype(b, "i8");
    put_text(b, fortran ? "\x88" : "\x89");
    pickle_bytes(b, &numbers);
    put_text(b, "tb");
    bytes_free(&numbers);
}

/* {"G_ema": a network with one block inside}, as NVIDIA's programs write it. */
static bytes network(void)
{
    static const int64_t one[] = {1}, shape[] = {2, 2, 3, 1}, row_major[] = {6, 3, 1, 1},
                         channels_last[] = {6, 1, 2, 2}, square[] = {2, 2}, rows[] = {2, 1};
    bytes b = {0}, floats = {0}, halves = {0};
    put_floats(&floats, count_up, 16);
    put_halves(&halves, count_up, 12);
    pickle_begin(&b, 4);
    put_text(&b, "}(");
    pickle_text(&b, "G_ema");
    module_begin(&b, "Generator");
    pickle_text(&b, "z_dim");
    pickle_int(&b, 64);
    pickle_text(&b, "training");
    put_text(&b, "\x89");
    pickle_text(&b, "nothing");
    put_text(&b, "N");
    dict_begin(&b, "_modules");
    pickle_text(&b, "b4");
    module_begin(&b, "SynthesisBlock");
    dict_begin(&b, "_parameters");
    pickle_text(&b, "weight");
    pickle_global(&b, "torch._utils", "_rebuild_parameter");
    tensor_begin(&b);
    storage_embedded(&b, "HalfStorage", 12, &halves, 0);
    tensor_end(&b, 0, 4, shape, channels_last);
    put_text(&b, "\x88");
    pickle_global(&b, "collections", "OrderedDict");
    put_text(&b, ")R\x87R");
    put_text(&b, "u");
    dict_begin(&b, "_buffers");
    pickle_text(&b, "noise_const");
    tensor_begin(&b);
    storage_embedded(&b, "FloatStorage", 16, &floats, 0);
    tensor_end(&b, 4, 4, shape, row_major);
    pickle_text(&b, "noise_strength");
    tensor_begin(&b);
    storage_embedded(&b, "FloatStorage", 16, &floats, 0);
    tensor_end(&b, 7, 0, one, one);
    pickle_text(&b, "filter");
    tensor_begin(&b);
    storage_embedded(&b, "FloatStorage", 16, &floats, 0);
    tensor_end(&b, 0, 2, square, rows);
    pickle_text(&b, "size");
    numpy_array(&b, 0);
    pickle_text(&b, "size_f");
    numpy_array(&b, 1);
    put_text(&b, "u");
    pickle_text(&b, "conv_clamp");
    pickle_real(&b, 256);
    pickle_text(&b, "architecture");
    pickle_text(&b, "skip");
    module_end(&b);
    put_text(&b, "u");
    pickle_text(&b, "_init_kwargs");
    pickle_global(&b, "dnnlib.util", "EasyDict");
    put_text(&b, ")\x81(");
    pickle_text(&b, "synthesis_kwargs");
    put_text(&b, "}");
    pickle_text(&b, "channel_base");
    pickle_int(&b, 32768);
    put_text(&b, "s");
    put_text(&b, "u");
    module_end(&b);
    put_text(&b, "u.");
    bytes_free(&floats);
    bytes_free(&halves);
    return b;
}

/* {"g_ema": OrderedDict {"conv1.conv.weight": 2 x 3, turned}, "iteration": 7}; the storage "0" has
   eight numbers and the tensor begins at the second. */
static bytes state_dict(int as_module)
{
    static const int64_t shape[] = {2, 3}, turned[] = {1, 2};
    bytes b = {0};
    put_text(&b, "}(");
    pickle_text(&b, "g_ema");
    if (as_module) {
        pickle_global(&b, "__torch__.net", "Net");
        put_text(&b, ")\x81}(");
    } else {
        pickle_global(&b, "collections", "OrderedDict");
        put_text(&b, ")R(");
    }
    pickle_text(&b, "conv1.conv.weight");
    tensor_begin(&b);
    storage_id(&b, "FloatStorage", "0", 8);
    tensor_end(&b, 1, 2, shape, turned);
    put_text(&b, as_module ? "ub" : "u");
    pickle_text(&b, "iteration");
    pickle_int(&b, 7);
    put_text(&b, "u");
    return b;
}

static bytes archive(int as_module)
{
    zip_writer z = {0};
    bytes data = {0}, object = state_dict(as_module), numbers = {0}, version = {0};
    pickle_begin(&data, 2);
    put(&data, object.data, object.size);
    put_text(&data, ".");
    put_floats(&numbers, count_up, 8);
    put_text(&version, "3\n");
    zip_member(&z, "tiny/data.pkl", &data);
    if (as_module)
        zip_member(&z, "tiny/code/__torch__/net.py", &version);
    zip_member(&z, "tiny/data/0", &numbers);
    zip_member(&z, "tiny/version", &version);
    zip_end(&z);
    bytes_free(&data);
    bytes_free(&object);
    bytes_free(&numbers);
    bytes_free(&version);
    return z.file;
}

static bytes legacy(void)
{
    bytes b = {0}, object = state_dict(0), numbers = {0};
    put_floats(&numbers, count_up, 8);
    legacy_stream(&b, &object, 8, &numbers);
    bytes_free(&object);
    bytes_free(&numbers);
    return b;
}

static bytes safetensors(void)
{
    static const char header[] =
        "{\"__metadata__\":{\"format\":\"pt\",\"psi\":\"0.7\"},"
        "\"conv\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
        "\"half\":{\"dtype\":\"F16\",\"shape\":[4],\"data_offsets\":[24,32]},"
        "\"mask\":{\"dtype\":\"BOOL\",\"shape\":[2],\"data_offsets\":[32,34]}}";
    bytes b = {0};
    put_u64(&b, strlen(header));
    put_text(&b, header);
    put_floats(&b, count_up, 6);
    put_halves(&b, count_up, 4);
    put(&b, "\1", 2);
    return b;
}

/* Protocol 0: everything is a line of text. */
static bytes old_pickle(void)
{
    static const int64_t shape[] = {2, 3}, stride[] = {3, 1};
    bytes b = {0}, numbers = {0};
    put_floats(&numbers, count_up, 6);
    put_text(&b, "(dp0\nS'a'\np1\nI42\nsS'b'\nF0.25\nsVc\nL12L\nsS'flag'\nI01\nsS'list'\n"
                 "(lp2\nI1\naI2\nasS'again'\ng2\nsS'tensor'\n");
    tensor_begin(&b);
    storage_embedded(&b, "FloatStorage", 6, &numbers, 1);
    tensor_end(&b, 0, 2, shape, stride);
    put_text(&b, "s.");
    bytes_free(&numbers);
    return b;
}

/* What is rare: a tensor whose storage is a view of another one, as files before 2018 have it;
   wrappers that torch has put around tensors since; a dictionary of Python 2; single numbers and
   newer arrays of numpy; a key set twice. */
static bytes rare(void)
{
    static const int64_t two[] = {2}, one[] = {1};
    bytes object = {0}, numbers = {0}, b = {0}, eight = {0};
    put_floats(&numbers, count_up, 8);
    put_u64(&eight, UINT64_C(0x4004000000000000)); /* 2.5 */
    put_text(&object, "}(");
    pickle_text(&object, "view");
    tensor_begin(&object);
    put_text(&object, "(");
    pickle_text(&object, "storage");
    pickle_global(&object, "torch", "FloatStorage");
    pickle_text(&object, "0");
    pickle_text(&object, "cpu");
    pickle_int(&object, 8);
    put_text(&object, "(");
    pickle_text(&object, "0v");
    pickle_int(&object, 2);
    pickle_int(&object, 3);
    put_text(&object, "ttQ");
    tensor_end(&object, 1, 1, two, one);
    pickle_text(&object, "typed");
    pickle_global(&object, "torch._utils", "_rebuild_tensor_v3");
    put_text(&object, "(");
    storage_id(&object, "UntypedStorage", "0", 8);
    tensor_end(&object, 0, 1, two, one);
    object.size -= 2; /* its dtype comes before the end of its arguments */
    pickle_global(&object, "torch", "uint8");
    put_text(&object, "}tR");
    pickle_text(&object, "subclass");
    pickle_global(&object, "torch._tensor", "_rebuild_from_type_v2");
    put_text(&object, "(");
    pickle_global(&object, "torch._utils", "_rebuild_tensor_v2");
    pickle_global(&object, "some", "Tensor");
    put_text(&object, "(");
    storage_id(&object, "FloatStorage", "0", 8);
    tensor_end(&object, 0, 1, two, one);
    object.size -= 1; /* the arguments alone */
    put_text(&object, "}tR");
    pickle_text(&object, "list");
    pickle_global(&object, "torch.jit._pickle", "build_intlist");
    put_text(&object, "](");
    pickle_int(&object, 7);
    put_text(&object, "e\x85R");
    pickle_text(&object, "twice");
    pickle_int(&object, 1);
    pickle_text(&object, "twice");
    pickle_int(&object, 2);
    pickle_text(&object, "scalar");
    pickle_global(&object, "numpy.core.multiarray", "scalar");
    numpy_dtype(&object, "f8");
    pickle_bytes(&object, &eight);
    put_text(&object, "\x86R");
    pickle_text(&object, "array");
    pickle_global(&object, "numpy._core.numeric", "_frombuffer");
    put_text(&object, "(");
    pickle_bytes(&object, &eight);
    numpy_dtype(&object, "f8");
    pickle_ints(&object, one, 1);
    pickle_text(&object, "C");
    put_text(&object, "tR");
    pickle_text(&object, "old");
    pickle_global(&object, "collections", "OrderedDict");
    put_text(&object, "](](");
    pickle_text(&object, "depth");
    pickle_int(&object, 9);
    put_text(&object, "ee\x85R");
    put_text(&object, "u");
    legacy_stream(&b, &object, 8, &numbers);
    bytes_free(&object);
    bytes_free(&numbers);
    bytes_free(&eight);
    return b;
}

/* numpy.savez_compressed of w = 0.5 ... 11.5 [1][3][4] and, column after column, z = 0 ... 5 [2][3]
 */
static const uint8_t compressed[] = {
    0x50, 0x4b, 0x03, 0x04, 0x2d, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x21, 0x00, 0xaa, 0x02,
    0x85, 0x04, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x05, 0x00, 0x14, 0x00, 0x77, 0x2e,
    0x6e, 0x70, 0x79, 0x01, 0x00, 0x10, 0x00, 0xb0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x6e,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x9b, 0xec, 0x17, 0xea, 0x1b, 0x10, 0xc9, 0xc8, 0x50,
    0xc6, 0x50, 0xad, 0x9e, 0x92, 0x5a, 0x9c, 0x5c, 0xa4, 0x6e, 0xa5, 0xa0, 0x6e, 0x93, 0x66, 0xa2,
    0xae, 0xa3, 0xa0, 0x9e, 0x96, 0x5f, 0x54, 0x52, 0x94, 0x98, 0x17, 0x9f, 0x5f, 0x94, 0x92, 0x0a,
    0x12, 0x77, 0x4b, 0xcc, 0x29, 0x4e, 0x05, 0x8a, 0x17, 0x67, 0x24, 0x16, 0xa4, 0x02, 0xf9, 0x1a,
    0x86, 0x3a, 0x0a, 0xc6, 0x3a, 0x0a, 0x26, 0x9a, 0x3a, 0x0a, 0xb5, 0x0a, 0xe4, 0x01, 0x2e, 0x06,
    0x06, 0x06, 0x7b, 0x06, 0x86, 0x03, 0x40, 0xac, 0xe0, 0xc0, 0xc0, 0x90, 0x00, 0xc4, 0x13, 0x80,
    0x78, 0x03, 0x10, 0x5f, 0x00, 0xe2, 0x0f, 0x40, 0xcc, 0xe1, 0xc8, 0xc0, 0x20, 0x01, 0xc4, 0x1a,
    0x40, 0x6c, 0xe1, 0x08, 0x00, 0x50, 0x4b, 0x03, 0x04, 0x2d, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00,
    0x00, 0x21, 0x00, 0xe4, 0xc8, 0x06, 0x60, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x05,
    0x00, 0x14, 0x00, 0x7a, 0x2e, 0x6e, 0x70, 0x79, 0x01, 0x00, 0x10, 0x00, 0xb0, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x57, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x9b, 0xec, 0x17, 0xea,
    0x1b, 0x10, 0xc9, 0xc8, 0x50, 0xc6, 0x50, 0xad, 0x9e, 0x92, 0x5a, 0x9c, 0x5c, 0xa4, 0x6e, 0xa5,
    0xa0, 0x6e, 0x93, 0x66, 0xa1, 0xae, 0xa3, 0xa0, 0x9e, 0x96, 0x5f, 0x54, 0x52, 0x94, 0x98, 0x17,
    0x9f, 0x5f, 0x94, 0x92, 0x0a, 0x12, 0x0f, 0x29, 0x2a, 0x4d, 0x05, 0x0a, 0x17, 0x67, 0x24, 0x16,
    0xa4, 0x02, 0xb9, 0x1a, 0x46, 0x3a, 0x0a, 0xc6, 0x9a, 0x3a, 0x0a, 0xb5, 0x0a, 0xe4, 0x03, 0x2e,
    0x06, 0x14, 0xc0, 0xe1, 0x00, 0xa1, 0x3f, 0xd8, 0x43, 0x68, 0x01, 0x28, 0x9f, 0x01, 0x4a, 0x8b,
    0x38, 0x00, 0x00, 0x50, 0x4b, 0x01, 0x02, 0x2d, 0x03, 0x2d, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00,
    0x00, 0x21, 0x00, 0xaa, 0x02, 0x85, 0x04, 0x6e, 0x00, 0x00, 0x00, 0xb0, 0x00, 0x00, 0x00, 0x05,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80, 0x01, 0x00, 0x00, 0x00,
    0x00, 0x77, 0x2e, 0x6e, 0x70, 0x79, 0x50, 0x4b, 0x01, 0x02, 0x2d, 0x03, 0x2d, 0x00, 0x00, 0x00,
    0x08, 0x00, 0x00, 0x00, 0x21, 0x00, 0xe4, 0xc8, 0x06, 0x60, 0x57, 0x00, 0x00, 0x00, 0xb0, 0x00,
    0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80, 0x01,
    0xa5, 0x00, 0x00, 0x00, 0x7a, 0x2e, 0x6e, 0x70, 0x79, 0x50, 0x4b, 0x05, 0x06, 0x00, 0x00, 0x00,
    0x00, 0x02, 0x00, 0x02, 0x00, 0x66, 0x00, 0x00, 0x00, 0x33, 0x01, 0x00, 0x00, 0x00, 0x00};

size_t n_arrays(void)
{
    return 4;
}

bytes make_array(size_t i, const char **name)
{
    static const char *const names[] = {"row.npy", "arrays.npz", "stored.npz", "rows.txt"};
    static const char header[] = "\x93NUMPY\1\0\x76\0{'descr': '<f2', 'fortran_order': False, "
                                 "'shape': (2, 4), }";
    bytes b = {0}, array = {0};
    zip_writer z = {0};
    if (name)
        *name = names[i % 4];
    if (i % 4 == 1)
        put(&b, compressed, sizeof(compressed));
    else if (i % 4 == 3)
        put_text(&b, "1 2 3.5;\n-4e-1 5\n6;\n");
    else {
        put(&array, header, sizeof(header) - 1);
        while (array.size < 127)
            put_text(&array, " ");
        put_text(&array, "\n");
        put_halves(&array, count_up, 8);
        if (i % 4 == 0)
            return array;
        zip_member(&z, "only.npy", &array);
        zip_end(&z);
        b = z.file;
        bytes_free(&array);
    }
    return b;
}

size_t n_seeds(void)
{
    return 7;
}

bytes make_seed(size_t i, const char **name)
{
    static const char *const names[] = {"network.pkl", "archive.pt", "script.pt",
                                        "stream.pt",   "old.pickle", "tensors.safetensors",
                                        "rare.pt"};
    if (name)
        *name = names[i % 7];
    switch (i % 7) {
    case 0:
        return network();
    case 1:
        return archive(0);
    case 2:
        return archive(1);
    case 3:
        return legacy();
    case 4:
        return old_pickle();
    case 5:
        return safetensors();
    default:
        return rare();
    }
}
