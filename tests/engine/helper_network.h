/* helper_network: StyleGAN2 generators with random weights, of any shape, for tests. */
#ifndef HELPER_NETWORK_H
#define HELPER_NETWORK_H
#include "engine/base/random.h"
#include "engine/models/model.h"

#define NETWORK_TENSORS 128

typedef enum { SKIP, RESNET, ORIG } network_kind;
typedef struct {
    network_kind kind;
    int z, w, mapping, blocks, channels[5], rgb;
    double clamp; /* 0: none */
    int noise;    /* are there noise maps? */
} network_plan;

typedef struct {
    network_plan p;
    latent_tensor_out t[NETWORK_TENSORS];
    char name[NETWORK_TENSORS][64];
    int n;
    latent_random random; /* goes on where the weights ended */
} network;

void network_make(network *n, network_plan p, uint32_t seed);
void network_free(network *n);
/* The numbers of a tensor, or NULL. */
const float *network_get(const network *n, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same network as the engine reads it, by way of a file. */
latent_model *network_model(const network *n);
/* The whole picture of W+ ws [rows][w], num_ws or one row for all, with the network's own noise. */
latent_node *network_picture(latent_model *m, const float *ws, int rows);

#endif
