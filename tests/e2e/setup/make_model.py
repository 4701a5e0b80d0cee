"""Writes a GGUF model with a real tokenizer, a real architecture and random weights. llama-server tokenizes, caches
and evicts with it as with any other model, and prefills thousands of tokens per second on a CPU.

usage: make_model.py {dense|hybrid|swa} VOCABULARY.gguf OUT.gguf      (needs the Python package gguf)

dense   llama: the KV cache can be truncated at any token
hybrid  qwen35: most layers hold a running state, so the server can only go back to a checkpoint
swa     gemma3: most layers see a sliding window of 512 tokens; going back further also needs a checkpoint

Every model answers "aaaa…" (see `answer_with`), so that every answer is valid text.
Models are as small as the architecture allows: the cost of a prefill is attention over the prompt and little else.
"""

import sys

import numpy as np
from gguf import GGUFReader, GGUFValueType, GGUFWriter

WIDTH = 64
HEADS = 2
HEAD_WIDTH = WIDTH // HEADS
FEED_FORWARD = 128
CONTEXT = 262144

# The token "a" in the vocabulary of Qwen2.
ANSWER = 64

# qwen35 (llama.cpp src/models/qwen35.cpp): two key heads and two value heads of width 32, a convolution over 4 tokens.
STATE_HEADS = 2
STATE_WIDTH = 32
CONVOLUTION = 4
STATE_TOTAL = STATE_HEADS * STATE_WIDTH

# gemma3: five layers with a sliding window, then one that attends to the whole prompt.
WINDOW = 512
LAYERS = {"dense": ("llama", 1), "hybrid": ("qwen35", 2), "swa": ("gemma3", 6)}


def main(kind, vocabulary, out):
    architecture, layers = LAYERS[kind]
    model = Model(GGUFWriter(out, architecture))
    tokens = model.copy_tokenizer(vocabulary)
    model.shape(f"random-{kind}", tokens, layers)
    model.answer_with(ANSWER, tokens)
    model.norm("output_norm.weight")
    if kind == "dense":
        model.file.add_rope_dimension_count(HEAD_WIDTH)
        model.dense_layer("blk.0.")
    elif kind == "hybrid":
        model.state_shape(architecture, full_attention_every=layers)
        model.state_layer("blk.0.")
        model.gated_attention_layer("blk.1.")
    else:
        model.window_shape()
        for layer in range(layers):
            model.window_layer(f"blk.{layer}.")
    model.write()


class Model:
    def __init__(self, file):
        self.file = file
        self.random = np.random.default_rng(20260101)

    def copy_tokenizer(self, vocabulary):
        """Copies every tokenizer field except the chat template, which each test chooses; returns the number of tokens."""
        fields = GGUFReader(vocabulary).fields
        for key, field in fields.items():
            if not key.startswith("tokenizer.") or key == "tokenizer.chat_template":
                continue
            if field.types[0] == GGUFValueType.ARRAY:
                self.file.add_array(key, field.contents())
            else:
                self.file.add_key_value(key, field.contents(), field.types[0])
        return len(fields["tokenizer.ggml.tokens"].data)

    def shape(self, name, tokens, layers):
        self.file.add_name(name)
        self.file.add_vocab_size(tokens)
        self.file.add_context_length(CONTEXT)
        self.file.add_block_count(layers)
        self.file.add_embedding_length(WIDTH)
        self.file.add_feed_forward_length(FEED_FORWARD)
        self.file.add_head_count(HEADS)
        self.file.add_head_count_kv(1)
        self.file.add_layer_norm_rms_eps(1e-5)
        self.file.add_rope_freq_base(1e6)

    def answer_with(self, token, tokens):
        """Makes `token` the answer to everything. Random tokens are often not valid UTF-8, which the server holds back or rejects.

        All embeddings share a large first component, which the small weights of the layers cannot cancel. Only the output
        row of `token` reads it, so its logit is far above all others.
        """
        embeddings, outputs = self.random_values(tokens, WIDTH), self.random_values(tokens, WIDTH)
        embeddings[:, 0] = 1
        outputs[:, 0] = 0
        outputs[token] = 0
        outputs[token, 0] = 100
        self.file.add_tensor("token_embd.weight", embeddings.astype(np.float16))
        self.file.add_tensor("output.weight", outputs.astype(np.float16))

    def window_shape(self):
        self.file.add_key_length(HEAD_WIDTH)
        self.file.add_value_length(HEAD_WIDTH)
        self.file.add_sliding_window(WINDOW)

    def state_shape(self, architecture, full_attention_every):
        self.file.add_key_length(HEAD_WIDTH)
        self.file.add_value_length(HEAD_WIDTH)
        self.file.add_rope_dimension_count(HEAD_WIDTH)
        self.file.add_array(f"{architecture}.rope.dimension_sections", [6, 5, 5, 0])
        self.file.add_uint32(f"{architecture}.full_attention_interval", full_attention_every)
        self.file.add_ssm_conv_kernel(CONVOLUTION)
        self.file.add_ssm_inner_size(STATE_TOTAL)
        self.file.add_ssm_state_size(STATE_WIDTH)
        self.file.add_ssm_time_step_rank(STATE_HEADS)
        self.file.add_ssm_group_count(STATE_HEADS)

    def dense_layer(self, block):
        self.norm(block + "attn_norm.weight")
        self.norm(block + "ffn_norm.weight")
        self.attention(block)
        self.feed_forward(block)

    def window_layer(self, block):
        self.norm(block + "attn_norm.weight")
        self.norm(block + "attn_q_norm.weight", HEAD_WIDTH)
        self.norm(block + "attn_k_norm.weight", HEAD_WIDTH)
        self.norm(block + "ffn_norm.weight")
        # Small, because these scale what the layer adds to the embedding: its first component must win.
        self.norm(block + "post_attention_norm.weight", value=0.01)
        self.norm(block + "post_ffw_norm.weight", value=0.01)
        self.attention(block)
        self.feed_forward(block)

    def gated_attention_layer(self, block):
        self.norm(block + "attn_norm.weight")
        self.norm(block + "post_attention_norm.weight")
        self.norm(block + "attn_q_norm.weight", HEAD_WIDTH)
        self.norm(block + "attn_k_norm.weight", HEAD_WIDTH)
        self.attention(block, gate=2)
        self.feed_forward(block)

    def state_layer(self, block):
        self.norm(block + "attn_norm.weight")
        self.norm(block + "post_attention_norm.weight")
        self.norm(block + "ssm_norm.weight", STATE_WIDTH)
        self.weights(block + "attn_qkv.weight", 3 * STATE_TOTAL, WIDTH)
        self.weights(block + "attn_gate.weight", STATE_TOTAL, WIDTH)
        self.weights(block + "ssm_beta.weight", STATE_HEADS, WIDTH)
        self.weights(block + "ssm_alpha.weight", STATE_HEADS, WIDTH)
        self.weights(block + "ssm_out.weight", WIDTH, STATE_TOTAL)
        # llama.cpp reads these as 32-bit floats. The decay must be negative.
        self.weights(block + "ssm_conv1d.weight", 3 * STATE_TOTAL, CONVOLUTION, dtype=np.float32)
        self.weights(block + "ssm_dt.bias", STATE_HEADS, dtype=np.float32)
        self.file.add_tensor(block + "ssm_a", np.full(STATE_HEADS, -1, np.float32))
        self.feed_forward(block)

    def attention(self, block, gate=1):
        self.weights(block + "attn_q.weight", WIDTH * gate, WIDTH)
        self.weights(block + "attn_k.weight", HEAD_WIDTH, WIDTH)
        self.weights(block + "attn_v.weight", HEAD_WIDTH, WIDTH)
        self.weights(block + "attn_output.weight", WIDTH, WIDTH)

    def feed_forward(self, block):
        self.weights(block + "ffn_gate.weight", FEED_FORWARD, WIDTH)
        self.weights(block + "ffn_up.weight", FEED_FORWARD, WIDTH)
        self.weights(block + "ffn_down.weight", WIDTH, FEED_FORWARD)

    def weights(self, name, *shape, dtype=np.float16):
        self.file.add_tensor(name, self.random_values(*shape).astype(dtype))

    def random_values(self, *shape):
        return self.random.standard_normal(shape, dtype=np.float32) * 0.05

    def norm(self, name, width=WIDTH, value=1):
        self.file.add_tensor(name, np.full(width, value, np.float32))

    def write(self):
        self.file.write_header_to_file()
        self.file.write_kv_data_to_file()
        self.file.write_tensors_to_file()
        self.file.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
