"""Writes the part of a model that sees, with random weights: it fits the models of make_model.py (llama-server's --mmproj).

usage: make_eye.py OUT.gguf      (needs the Python package gguf)

gemma3 (llama.cpp tools/mtmd/models/siglip.cpp): each image becomes 256 tokens, whatever its size, as with the real one.
"""

import sys

import numpy as np
from gguf import GGUFWriter

WIDTH = 64
# Of the model that gets the tokens; see make_model.py.
MODEL_WIDTH = 64
FEED_FORWARD = 128
IMAGE = 448
PATCH = 14
# Patches per token, on each side.
MERGED = 2


def main(out):
    file = GGUFWriter(out, "clip")
    file.add_clip_has_vision_encoder(True)
    file.add_clip_projector_type("gemma3")
    file.add_vision_projection_dim(MODEL_WIDTH)
    file.add_vision_image_size(IMAGE)
    file.add_vision_patch_size(PATCH)
    file.add_vision_embedding_length(WIDTH)
    file.add_vision_feed_forward_length(FEED_FORWARD)
    file.add_vision_block_count(1)
    file.add_vision_head_count(2)
    file.add_vision_attention_layernorm_eps(1e-6)
    file.add_vision_image_mean([0.5] * 3)
    file.add_vision_image_std([0.5] * 3)
    file.add_vision_projector_scale_factor(MERGED)
    file.add_vision_use_gelu(True)
    random = np.random.default_rng(20260101)

    def weights(name, *shape, dtype=np.float16):
        file.add_tensor(name, (random.standard_normal(shape, dtype=np.float32) * 0.05).astype(dtype))

    def norm(name):
        file.add_tensor(f"{name}.weight", np.ones(WIDTH, np.float32))
        file.add_tensor(f"{name}.bias", np.zeros(WIDTH, np.float32))

    weights("v.patch_embd.weight", WIDTH, 3, PATCH, PATCH)
    weights("v.position_embd.weight", (IMAGE // PATCH) ** 2, WIDTH, dtype=np.float32)
    norm("v.blk.0.ln1")
    norm("v.blk.0.ln2")
    norm("v.post_ln")
    for name in ["q", "k", "v", "out"]:
        weights(f"v.blk.0.attn_{name}.weight", WIDTH, WIDTH)
    weights("v.blk.0.ffn_up.weight", FEED_FORWARD, WIDTH)
    weights("v.blk.0.ffn_down.weight", WIDTH, FEED_FORWARD)
    file.add_tensor("mm.soft_emb_norm.weight", np.ones(WIDTH, np.float32))
    weights("mm.input_projection.weight", WIDTH, MODEL_WIDTH)
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
