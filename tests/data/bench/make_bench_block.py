#!/usr/bin/env python3
"""Writes bench-block.onnx: a small pre-LN transformer block of standard operators, seeded weights."""
from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

LENGTH, WIDTH, HEADS = 8, 16, 2
random = np.random.default_rng(1)
nodes, weights = [], []


def weight(array):
    weights.append(numpy_helper.from_array(np.asarray(array), f"w{len(weights)}"))
    return weights[-1].name


def normal(*shape, scale):
    return weight((random.standard_normal(shape) * scale).astype(np.float32))


def number(value):
    return weight(np.float32(value))


def op(kind, *inputs, outputs=1, **attributes):
    names = [f"{kind.lower()}{len(nodes)}_{i}" for i in range(outputs)]
    nodes.append(helper.make_node(kind, inputs, names, **attributes))
    return names[0] if outputs == 1 else names


def linear(x, rows, columns):
    return op("Add", op("MatMul", x, normal(rows, columns, scale=rows ** -0.5)), normal(columns, scale=0.02))


def norm(x):
    return op("LayerNormalization", x, normal(WIDTH, scale=1), normal(WIDTH, scale=0.02), epsilon=1e-5)


def heads(x):
    shape = weight(np.array([1, LENGTH, HEADS, WIDTH // HEADS], np.int64))
    return op("Transpose", op("Reshape", x, shape), perm=[0, 2, 1, 3])


def gelu(x):
    cubic = op("Mul", op("Pow", x, number(3)), number(0.044715))
    gate = op("Add", op("Tanh", op("Mul", op("Add", x, cubic), number((2 / np.pi) ** 0.5))), number(1))
    return op("Mul", op("Mul", x, number(0.5)), gate)


q, k, v = map(heads, op("Split", linear(norm("x"), WIDTH, 3 * WIDTH), outputs=3, axis=-1))
scores = op("Mul", op("MatMul", q, op("Transpose", k, perm=[0, 1, 3, 2])), number((WIDTH // HEADS) ** -0.5))
attended = op("Transpose", op("MatMul", op("Softmax", scores, axis=-1), v), perm=[0, 2, 1, 3])
attended = op("Reshape", attended, weight(np.array([1, LENGTH, WIDTH], np.int64)))
x = op("Add", "x", linear(attended, WIDTH, WIDTH))
op("Add", x, linear(gelu(linear(norm(x), WIDTH, 4 * WIDTH)), 4 * WIDTH, WIDTH))
nodes[-1].output[0] = "y"
values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, LENGTH, WIDTH]) for n in "xy"]
model = helper.make_model(helper.make_graph(nodes, "block", values[:1], values[1:], weights),
                          opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
checker.check_model(model, full_check=True)
save(model, str(Path(__file__).with_name("bench-block.onnx")))
