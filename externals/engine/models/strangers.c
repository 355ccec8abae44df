/* strangers: networks that are known by name but not played, so that the sentence about such a file
   can say what it is.  Known by a piece of their tensors' names; the first that fits counts. */
#include "architectures.h"
#include <string.h>

static const struct {
    const char *piece; /* begins where a name or one of its parts begins */
    const char *also;  /* another one that must be there, or NULL */
    const char *is;
} strangers[] = {
    {"lora_down", NULL, "a LoRA, which changes another network and is none by itself"},
    {"lora_A", NULL, "a LoRA, which changes another network and is none by itself"},
    {"lora.down", NULL, "a LoRA, which changes another network and is none by itself"},
    {"hada_w1_a", NULL, "a LoHa, which changes another network and is none by itself"},
    {"lokr_w1", NULL, "a LoKr, which changes another network and is none by itself"},
    {"string_to_param", NULL, "a textual inversion: a word for a diffusion network"},
    {"emb_params", NULL, "a textual inversion: a word for a diffusion network"},
    {"mapping.embed_proj.weight", "synthesis.input.freqs", "a StyleGAN-XL"},
    {"synthesis.variables", "mapping.variables",
     "a StyleGAN saved by TensorFlow that is no StyleGAN2: the first StyleGAN, or a network of its "
     "time"},
    {"variables.0.1", NULL, "a network saved by TensorFlow"},
    {"conv1.conv.modulation.weight", NULL,
     "a part of a StyleGAN2 in the layout of rosinality's program"},
    {"stylegan_decoder", NULL, "a restorer of faces (GFPGAN)"},
    {"g_synthesis", NULL, "a StyleGAN, the first one"},
    {"synthesis.blocks.4x4", NULL, "a StyleGAN, the first one"},
    {"synthesis.layer0", NULL, "a StyleGAN in the layout of genforce's program"},
    {"S.net.0", NULL, "a StyleGAN2 in the layout of lucidrains's program"},
    {"b4.out.weight", NULL, "a discriminator alone, which draws nothing: its generator is wanted"},
    {"control_model", NULL, "a ControlNet for a diffusion network"},
    {"controlnet_cond_embedding", NULL, "a ControlNet for a diffusion network"},
    {"ip_adapter", NULL, "an IP-Adapter for a diffusion network"},
    {"down_blocks.0.motion_modules", NULL, "a motion module (AnimateDiff) for a diffusion network"},
    {"diffusion_model.double_blocks", NULL, "a diffusion network (Flux)"},
    {"double_blocks.0", NULL, "a diffusion network (Flux)"},
    {"single_transformer_blocks.0", NULL, "a diffusion network (Flux)"},
    {"joint_blocks.0", NULL, "a diffusion network (Stable Diffusion 3)"},
    {"model.diffusion_model", "conditioner.embedders", "a diffusion network (Stable Diffusion XL)"},
    {"model.diffusion_model", "first_stage_model", "a diffusion network (Stable Diffusion)"},
    {"model.diffusion_model", "cond_stage_model", "a diffusion network (Stable Diffusion)"},
    {"diffusion_model.input_blocks", NULL, "the UNet of a diffusion network"},
    {"down_blocks.0.resnets", "time_embedding", "the UNet of a diffusion network"},
    {"input_blocks.0.0", NULL, "the UNet of a diffusion network"},
    {"prior.", "clip_mean", "a diffusion prior"},
    {"blocks.0.adaLN_modulation", NULL, "a diffusion transformer"},
    {"transformer_blocks.0.attn1", NULL, "a diffusion transformer"},
    {"quantize.embedding.weight", NULL, "a VQGAN"},
    {"decoder.up_blocks.0", NULL, "the autoencoder (VAE) of a diffusion network"},
    {"decoder.mid.block_1", NULL, "the autoencoder (VAE) of a diffusion network"},
    {"decoder.up.0", NULL, "the autoencoder (VAE) of a diffusion network"},
    {"18.conv.2.weight", NULL, "half of a tiny autoencoder (TAESD)"},
    {"12.conv.2.weight", NULL, "half of a tiny autoencoder (TAESD)"},
    {"encoder.block.0.layer.0", NULL, "a T5, which reads texts for other networks"},
    {"vision_model.head.probe", NULL, "a SigLIP"},
    {"visual.trunk", NULL, "a SigLIP, or a CLIP with another picture half than a transformer's"},
    {"visual.cls_token", NULL, "an EVA-CLIP"},
    {"text_embeddings.word_embeddings", NULL, "a Chinese CLIP, or another that reads by a BERT"},
    {"text_model.encoder.layers.0", NULL, "the text half of a CLIP without its picture half"},
    {"body.0.rdb1", NULL, "an enlarger of pictures (ESRGAN)"},
    {"RRDB_trunk", NULL, "an enlarger of pictures (ESRGAN)"},
    {"model.model.1.model", NULL, "a network from picture to picture (pix2pix)"},
    {"model.10.conv_block", NULL, "a network from picture to picture (CycleGAN)"},
    {"generator.gen_z", NULL, "a BigGAN"},
    {"main.0.weight", NULL, "a DCGAN or a network like it"},
    {"decoder.blocks.0.cross_attn", NULL, "a Whisper, which writes down speech"},
    {"decoder.layers.0.encoder_attn", NULL, "a network that turns one text or sound into another"},
    {"layers.0.self_attn.k_proj", NULL, "a language model"},
    {"layers.0.attention.wq", NULL, "a language model"},
    {"h.0.attn", NULL, "a language model"},
    {"gpt_neox.layers.0", NULL, "a language model"},
    {"encoder.layer.0.attention", NULL, "a BERT or a network like it, which reads texts"},
    {"blocks.0.attn.qkv", NULL, "a vision transformer, which looks at pictures without words"},
    {"layer1.0.conv1.weight", NULL, "a ResNet, which sorts pictures"},
    {"features.0.weight", NULL, "a network that sorts pictures (VGG or its kin)"},
};

static int has(const latent_weights *w, const char *piece)
{
    for (size_t i = 0; i < latent_weights_count(w); i++) {
        const char *name = latent_weights_at(w, i)->name, *at = strstr(name, piece);
        for (; at; at = strstr(at + 1, piece))
            if (at == name || at[-1] == '.' || at[-1] == '_')
                return 1;
    }
    return 0;
}

const char *latent_model_stranger(const latent_weights *w)
{
    for (size_t i = 0; i < sizeof(strangers) / sizeof(*strangers); i++)
        if (has(w, strangers[i].piece) && (!strangers[i].also || has(w, strangers[i].also)))
            return strangers[i].is;
    return NULL;
}
