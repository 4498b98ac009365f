#!/usr/bin/python3
"""Models of about 1.2 GB with random weights, for cold_start.sh: a Hugging Face directory of the
Qwen3-0.6B shape in bf16, and an ONNX file of nine MLP blocks in f32 with external data.

usage: make_large_models.py FOLDER
"""

import json
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper

ALIGNMENT = 4096


def random_f32(generator, shape):
    return generator.standard_normal(shape, dtype=np.float32) * np.float32(0.03)


def bf16_bytes(array):
    return (array.view(np.uint32) >> 16).astype(np.uint16).tobytes()


def qwen3_shapes():
    hidden, inner, layers, vocabulary, query, key = 1024, 3072, 28, 151936, 2048, 1024
    yield "model.embed_tokens.weight", (vocabulary, hidden)
    for layer in range(layers):
        name = f"model.layers.{layer}."
        for part, shape in (
            ("input_layernorm", (hidden,)),
            ("self_attn.q_proj", (query, hidden)),
            ("self_attn.k_proj", (key, hidden)),
            ("self_attn.v_proj", (key, hidden)),
            ("self_attn.o_proj", (hidden, query)),
            ("self_attn.q_norm", (128,)),
            ("self_attn.k_norm", (128,)),
            ("post_attention_layernorm", (hidden,)),
            ("mlp.gate_proj", (inner, hidden)),
            ("mlp.up_proj", (inner, hidden)),
            ("mlp.down_proj", (hidden, inner)),
        ):
            yield f"{name}{part}.weight", shape
    yield "model.norm.weight", (hidden,)


def write_hugging_face(folder):
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_size": 1024,
        "intermediate_size": 3072, "num_hidden_layers": 28, "num_attention_heads": 16,
        "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936,
        "max_position_embeddings": 40960, "rms_norm_eps": 1e-6, "rope_theta": 1000000,
        "tie_word_embeddings": True, "hidden_act": "silu", "torch_dtype": "bfloat16",
        "attention_bias": False,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    header, at = {}, 0
    for name, shape in qwen3_shapes():
        size = 2 * int(np.prod(shape))
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    generator = np.random.default_rng(1)
    with open(folder / "model.safetensors", "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, shape in qwen3_shapes():
            ones = np.ones(shape, np.float32)
            file.write(bf16_bytes(ones if "norm" in name else random_f32(generator, shape)))


def write_onnx(folder):
    folder.mkdir(parents=True, exist_ok=True)
    hidden, inner, blocks = 2048, 8192, 9
    generator = np.random.default_rng(2)
    nodes, initialisers, at, value = [], [], 0, "x"
    with open(folder / "weights.bin", "wb") as file:
        for block in range(blocks):
            for part, shape in (("up", (hidden, inner)), ("down", (inner, hidden))):
                name = f"{part}{block}"
                data = random_f32(generator, shape).tobytes()
                file.write(data)
                tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape,
                                     data_location=TensorProto.EXTERNAL)
                for key, text in (("location", "weights.bin"), ("offset", at), ("length", len(data))):
                    tensor.external_data.add(key=key, value=str(text))
                initialisers.append(tensor)
                at += len(data)
                assert at % ALIGNMENT == 0
            nodes.append(helper.make_node("MatMul", [value, f"up{block}"], [f"u{block}"]))
            nodes.append(helper.make_node("Relu", [f"u{block}"], [f"r{block}"]))
            nodes.append(helper.make_node("MatMul", [f"r{block}", f"down{block}"], [f"d{block}"]))
            nodes.append(helper.make_node("Add", [value, f"d{block}"], [f"y{block}"]))
            value = f"y{block}"
    graph = helper.make_graph(
        nodes, "mlp",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["B", "N", hidden])],
        [helper.make_tensor_value_info(value, TensorProto.FLOAT, ["B", "N", hidden])],
        initialisers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, folder / "model.onnx")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    write_hugging_face(folder / "qwen3-bf16")
    write_onnx(folder / "mlp-f32")


if __name__ == "__main__":
    main()
