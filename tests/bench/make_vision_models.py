#!/usr/bin/python3
"""Writes ResNet-50-, MobileNetV2- and GoogLeNet-shaped ONNX files with seeded random weights.

    /usr/bin/python3 tests/bench/make_vision_models.py FOLDER [--size 224] [--batch-norm]

As exporters leave them: convolutions with biases, Relu and Clip nodes, Add, GlobalAveragePool, Flatten, Gemm;
with --batch-norm the convolutions have no bias and a BatchNormalization follows each. The input is x[1,3,S,S].
Needs numpy and onnx (Debian: python3-numpy, python3-onnx).
"""

import argparse
import pathlib

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper


class Net:
    """Nodes and weights so far; values are named by number."""

    def __init__(self, seed, batch_norm):
        self.random = numpy.random.default_rng(seed)
        self.batch_norm = batch_norm
        self.nodes, self.weights, self.count = [], [], 0

    def weight(self, shape, scale, shift=0.0):
        name = f"w{len(self.weights)}"
        values = (self.random.standard_normal(shape) * scale + shift).astype(numpy.float32)
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def node(self, op, inputs, **attributes):
        self.count += 1
        name = f"v{self.count}"
        self.nodes.append(helper.make_node(op, inputs, [name], name=f"{op}_{self.count}", **attributes))
        return name

    def conv(self, x, channels, filters, size, stride=1, groups=1):
        fan_in = channels // groups * size * size
        inputs = [x, self.weight((filters, channels // groups, size, size), (2.0 / fan_in) ** 0.5)]
        if not self.batch_norm:
            inputs.append(self.weight((filters,), 0.1))
        pad = size // 2
        y = self.node("Conv", inputs, kernel_shape=[size, size], strides=[stride, stride],
                      pads=[pad] * 4, dilations=[1, 1], group=groups)
        if not self.batch_norm:
            return y
        scale, shift = self.weight((filters,), 0.1, 1.0), self.weight((filters,), 0.1)
        mean = self.weight((filters,), 0.1)
        variance = numpy.abs(self.random.standard_normal(filters)).astype(numpy.float32) + 0.5
        self.weights.append(numpy_helper.from_array(variance, f"w{len(self.weights)}"))
        return self.node("BatchNormalization", [y, scale, shift, mean, self.weights[-1].name])

    def relu(self, x):
        return self.node("Relu", [x])

    def relu6(self, x):
        bounds = [numpy.float32(0), numpy.float32(6)]
        names = []
        for bound in bounds:
            names.append(f"c{len(self.weights)}")
            self.weights.append(numpy_helper.from_array(numpy.array(bound), names[-1]))
        return self.node("Clip", [x] + names)

    def classify(self, x, channels, classes=1000):
        x = self.node("Flatten", [self.node("GlobalAveragePool", [x])], axis=1)
        weight = self.weight((classes, channels), channels ** -0.5)
        return self.node("Gemm", [x, weight, self.weight((classes,), 0.1)], transB=1)

    def save(self, path, size):
        self.nodes[-1].output[0] = "y"
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, size, size])
        y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1000])
        graph = helper.make_graph(self.nodes, path.stem, [x], [y], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 8
        onnx.checker.check_model(model)
        onnx.save(model, str(path))


def resnet50(net):
    """He et al. 2015, with the stride in the 3x3 convolutions, as torchvision has it."""
    x = net.relu(net.conv("x", 3, 64, 7, 2))
    x = net.node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    channels = 64
    for width, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for block in range(blocks):
            step = stride if block == 0 else 1
            short = net.conv(x, channels, 4 * width, 1, step) if block == 0 else x
            y = net.relu(net.conv(x, channels, width, 1))
            y = net.relu(net.conv(y, width, width, 3, step))
            x = net.relu(net.node("Add", [net.conv(y, width, 4 * width, 1), short]))
            channels = 4 * width
    return net.classify(x, channels)


def mobilenet_v2(net):
    """Sandler et al. 2018, width 1."""
    x = net.relu6(net.conv("x", 3, 32, 3, 2))
    channels = 32
    for expand, filters, blocks, stride in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2),
                                            (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)):
        for block in range(blocks):
            step = stride if block == 0 else 1
            wide = channels * expand
            y = net.relu6(net.conv(x, channels, wide, 1)) if expand > 1 else x
            y = net.relu6(net.conv(y, wide, wide, 3, step, wide))
            y = net.conv(y, wide, filters, 1)
            x = net.node("Add", [x, y]) if step == 1 and channels == filters else y
            channels = filters
    return net.classify(net.relu6(net.conv(x, channels, 1280, 1)), 1280)


def googlenet(net):
    """Szegedy et al. 2014, without its normalisations of neighbouring channels and helper outputs."""
    def conv(x, channels, filters, size, stride=1):
        return net.relu(net.conv(x, channels, filters, size, stride))

    def pool(x, stride):
        return net.node("MaxPool", [x], kernel_shape=[3, 3], strides=[stride, stride], pads=[1] * 4)

    x = pool(conv("x", 3, 64, 7, 2), 2)
    x = pool(conv(conv(x, 64, 64, 1), 64, 192, 3), 2)
    channels = 192
    for one, narrow3, three, narrow5, five, pooled, halves in (
            (64, 96, 128, 16, 32, 32, False), (128, 128, 192, 32, 96, 64, True),
            (192, 96, 208, 16, 48, 64, False), (160, 112, 224, 24, 64, 64, False),
            (128, 128, 256, 24, 64, 64, False), (112, 144, 288, 32, 64, 64, False),
            (256, 160, 320, 32, 128, 128, True), (256, 160, 320, 32, 128, 128, False),
            (384, 192, 384, 48, 128, 128, False)):
        branches = [conv(x, channels, one, 1), conv(conv(x, channels, narrow3, 1), narrow3, three, 3),
                    conv(conv(x, channels, narrow5, 1), narrow5, five, 5),
                    conv(pool(x, 1), channels, pooled, 1)]
        x = net.node("Concat", branches, axis=1)
        channels = one + three + five + pooled
        x = pool(x, 2) if halves else x
    return net.classify(x, channels)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch-norm", action="store_true")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    suffix = "_batch_norm" if arguments.batch_norm else ""
    models = (("resnet50", resnet50), ("mobilenet_v2", mobilenet_v2), ("googlenet", googlenet))
    for seed, (name, build) in enumerate(models):
        net = Net(20261121 + seed, arguments.batch_norm)
        build(net)
        net.save(arguments.folder / f"{name}{suffix}.onnx", arguments.size)


if __name__ == "__main__":
    main()
