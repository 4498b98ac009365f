#!/usr/bin/env python3
"""make_model.py qwen3-0.6b|7b FOLDER

Writes a bfloat16 model of Hugging Face's layout with random weights, drawn on the GPU: config.json and safetensors.
Layers of `7b` have the same values, each in a place of its own. Exit status 1 where the disk is too small.
"""
import json, os, shutil, struct, sys
import torch

SHAPES = {
    "qwen3-0.6b": dict(vocab_size=151936, hidden_size=1024, intermediate_size=3072, num_hidden_layers=28,
                       num_attention_heads=16, num_key_value_heads=8, head_dim=128, tie_word_embeddings=True),
    "7b": dict(vocab_size=32000, hidden_size=4096, intermediate_size=14336, num_hidden_layers=32,
               num_attention_heads=32, num_key_value_heads=8, head_dim=128, tie_word_embeddings=False),
}


def config_of(shape):
    return dict(shape, architectures=["Qwen3ForCausalLM"], model_type="qwen3", hidden_act="silu", rms_norm_eps=1e-6,
                rope_theta=1000000.0, max_position_embeddings=40960, attention_bias=False, torch_dtype="bfloat16",
                attention_dropout=0.0, use_sliding_window=False, initializer_range=0.02, bos_token_id=None,
                eos_token_id=None)


def names_of(c):
    hidden, width = c["hidden_size"], c["head_dim"]
    queries, keys, inner = c["num_attention_heads"] * width, c["num_key_value_heads"] * width, c["intermediate_size"]
    yield "model.embed_tokens.weight", (c["vocab_size"], hidden)
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        yield p + "input_layernorm.weight", (hidden,)
        yield p + "post_attention_layernorm.weight", (hidden,)
        yield p + "self_attn.q_norm.weight", (width,)
        yield p + "self_attn.k_norm.weight", (width,)
        yield p + "self_attn.q_proj.weight", (queries, hidden)
        yield p + "self_attn.k_proj.weight", (keys, hidden)
        yield p + "self_attn.v_proj.weight", (keys, hidden)
        yield p + "self_attn.o_proj.weight", (hidden, queries)
        yield p + "mlp.gate_proj.weight", (inner, hidden)
        yield p + "mlp.up_proj.weight", (inner, hidden)
        yield p + "mlp.down_proj.weight", (hidden, inner)
    yield "model.norm.weight", (hidden,)
    if not c["tie_word_embeddings"]:
        yield "lm_head.weight", (c["vocab_size"], hidden)


def main():
    shape, folder = sys.argv[1:3]
    config = config_of(SHAPES[shape])
    os.makedirs(folder, exist_ok=True)
    header, offset = {}, 0
    for name, extents in names_of(config):
        size = 2 * torch.Size(extents).numel()
        header[name] = dict(dtype="BF16", shape=list(extents), data_offsets=[offset, offset + size])
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    free = shutil.disk_usage(folder).free
    if free < offset + (1 << 30):
        sys.exit(f"{folder}: the weights of {shape} take {offset} bytes, {free} are free there")
    torch.manual_seed(1)
    drawn = {}

    def bytes_of(extents):
        if len(extents) == 1:
            weight = torch.ones(extents, device="cuda")
        else:
            weight = torch.randn(extents, device="cuda") * 0.02
        return weight.to(torch.bfloat16).view(torch.int16).cpu().numpy().tobytes()

    with open(os.path.join(folder, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, extents in names_of(config):
            within = name.split(".", 3)[-1] if shape == "7b" and ".layers." in name else name
            if within not in drawn:
                drawn[within] = bytes_of(extents)
            file.write(drawn[within])
            if within == name:
                del drawn[within]
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(config, file, indent=1)
    print(f"{folder}: {offset} bytes of weights")


main()
