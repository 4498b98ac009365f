"""PyTorch as a peer of `paceline bench`: runs an ONNX file's graph, answers by protocol.h.

usage: torch_peer.py REQUEST    (JSON, as Task::to_json, with "form": "eager" or "jit")

The graph becomes one Python function of direct torch calls for the given inputs' shapes: what depends
on constants and shapes alone is computed once, linear layers, GELU and SiLU become torch's own calls
(each checked against the nodes that it stands for), and values are dropped after their last use.
"""
import ctypes
import json
import os
import sys
import time

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def say(answer):
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def read_safetensors(path):
    kinds = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "I64": np.int64, "I32": np.int32,
             "I16": np.int16, "I8": np.int8, "U8": np.uint8, "BOOL": np.bool_}
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            array = np.frombuffer(data[start:end], kinds[entry["dtype"]]).reshape(entry["shape"])
            tensors[name] = torch.from_numpy(array.copy())
    return tensors


def write_safetensors(path, tensors):
    names = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.int64: "I64",
             torch.int32: "I32", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL"}
    header, parts, offset = {}, [], 0
    for name, tensor in tensors.items():
        part = tensor.detach().contiguous().numpy().tobytes()
        header[name] = dict(dtype=names[tensor.dtype], shape=list(tensor.shape),
                            data_offsets=[offset, offset + len(part)])
        parts.append(part)
        offset += len(part)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + b"".join(parts))


DTYPES = {1: "float32", 2: "uint8", 3: "int8", 5: "int16", 6: "int32", 7: "int64", 9: "bool", 10: "float16",
          11: "float64", 16: "bfloat16"}
BINARY = {"Add": "+", "Sub": "-", "Mul": "*", "Div": "/", "And": "&", "Or": "|", "Equal": "==", "Less": "<",
          "Greater": ">", "LessOrEqual": "<=", "GreaterOrEqual": ">=", "Pow": "**"}
UNARY = {"Sqrt": "torch.sqrt", "Exp": "torch.exp", "Log": "torch.log", "Tanh": "torch.tanh", "Sigmoid": "torch.sigmoid",
         "Erf": "torch.erf", "Relu": "torch.relu", "Neg": "torch.neg", "Abs": "torch.abs", "Not": "torch.logical_not",
         "Floor": "torch.floor", "Ceil": "torch.ceil", "Reciprocal": "torch.reciprocal", "Sin": "torch.sin",
         "Cos": "torch.cos", "HardSwish": "F.hardswish", "Softplus": "F.softplus", "Identity": ""}


class Untranslated(Exception):
    pass


class Translator:
    """Goes through the graph once, with the real inputs at hand, and writes the function as it goes."""

    def __init__(self, model, inputs):
        self.graph = model.graph
        self.values = {}     # name -> tensor, of all that is known by now
        self.texts = {}      # name -> Python expression that stands for it
        self.constant = set()
        self.lines = []      # (targets, expression, names that it reads)
        self.held = {}       # buffer name -> tensor
        self.names = 0
        self.consumers = {}
        self.producers = {}
        for node in self.graph.node:
            for name in node.input:
                self.consumers.setdefault(name, []).append(node)
            for name in node.output:
                self.producers[name] = node
        for tensor in self.graph.initializer:
            self.add_constant(tensor.name, torch.from_numpy(numpy_helper.to_array(tensor).copy()))
        given = [i.name for i in self.graph.input if i.name not in self.values]
        missing = [name for name in given if name not in inputs]
        if missing:
            raise Untranslated(f"inputs are missing: {', '.join(missing)}")
        self.inputs = given
        for name in given:
            self.values[name] = inputs[name]
            self.texts[name] = self.fresh(name)
        self.outputs = [o.name for o in self.graph.output]
        self.done = set()

    def fresh(self, name):
        self.names += 1
        return f"v{self.names}_" + "".join(c if c.isalnum() else "_" for c in name)[:24]

    def add_constant(self, name, value):
        self.values[name] = value
        self.constant.add(name)

    def hold(self, tensor):
        name = f"w{len(self.held)}"
        self.held[name] = tensor.contiguous()
        return f"self.{name}"

    def text(self, name, scalar=True):
        """The expression for a value; constants of one element become Python numbers."""
        if name in self.constant and name not in self.texts:
            value = self.values[name]
            if scalar and value.numel() == 1 and value.dim() <= 1:
                return f"({value.item()!r})".replace("inf", "math.inf").replace("nan", "math.nan")
            self.texts[name] = self.hold(value)
        return self.texts[name]

    def const(self, node, index, default=None):
        if index >= len(node.input) or not node.input[index]:
            return default
        name = node.input[index]
        if name not in self.constant:
            raise Untranslated(f"{node.op_type} whose input {index} is not constant")
        return self.values[name]

    def ints(self, node, index, default=None):
        value = self.const(node, index)
        return default if value is None else value.reshape(-1).tolist()

    def emit(self, outputs, expression, reads):
        """Adds a line, runs it, and folds what reads constants alone."""
        names = [self.fresh(o) for o in outputs]
        scope = {self.texts[r]: self.values[r] for r in reads if r in self.texts and r not in self.constant}
        result = eval(expression, dict(torch=torch, F=F, math=math, self=Held(self.held)), scope)
        results = list(result) if len(outputs) > 1 else [result]
        if all(r in self.constant for r in reads):
            for output, value in zip(outputs, results):
                self.add_constant(output, value if torch.is_tensor(value) else torch.tensor(value))
            return
        for output, name, value in zip(outputs, names, results):
            self.values[output], self.texts[output] = value, name
        self.lines.append((names, expression, [self.texts[r] for r in reads if r not in self.constant]))

    def only_consumer(self, name):
        users = self.consumers.get(name, [])
        return users[0] if len(users) == 1 and name not in self.outputs else None

    def run(self):
        unknown = []
        for node in self.graph.node:
            if all(o in self.values for o in node.output if o):
                continue
            method = getattr(self, "op_" + node.op_type, None)
            known = method or node.op_type in BINARY or node.op_type in UNARY
            if not known or node.domain not in ("", "ai.onnx"):
                unknown.append(f"{node.domain + '.' if node.domain else ''}{node.op_type}")
                continue
            if unknown:
                continue
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            if method:
                method(node, attributes)
            elif node.op_type in BINARY:
                self.binary(node)
            else:
                call = UNARY[node.op_type]
                self.emit(node.output[:1], f"{call}({self.text(node.input[0], False)})", node.input[:1])
        if unknown:
            raise Untranslated("the PyTorch peer has no translation for " + ", ".join(sorted(set(unknown))))
        return self.module()

    def binary(self, node):
        a, b = node.input
        both = a in self.constant and b in self.constant
        integers = node.op_type == "Div" and not self.values[a].is_floating_point()
        sign = "//" if integers else BINARY[node.op_type]
        left = self.text(a, not both)
        right = self.text(b, True if node.op_type == "Pow" else not both)
        self.emit(node.output, f"{left} {sign} {right}", [a, b])
        if node.op_type == "Mul" and node.output[0] not in self.constant:
            self.recognise(node)

    def recognise(self, node):
        """x * sigmoid(x), and both forms of GELU, as torch's own calls where the numbers agree."""
        calls = {"Sigmoid": "F.silu({})", "Erf": "F.gelu({})", "Tanh": "F.gelu({}, approximate='tanh')"}
        found, frontier = None, [node]
        for _ in range(7):
            frontier = [self.producers[i] for n in frontier for i in n.input
                        if i in self.producers and i not in self.constant]
            found = found or next((n for n in frontier if n.op_type in calls), None)
        if found is None:
            return
        value = self.values[node.output[0]]
        ancestors, stack = [], [node]
        for _ in range(24):
            if not stack:
                break
            for name in stack.pop().input:
                if name in self.constant or name in ancestors:
                    continue
                ancestors.append(name)
                if name in self.producers and len(ancestors) < 16:
                    stack.append(self.producers[name])
        for name in ancestors:
            x = self.values[name]
            if x.shape != value.shape or not x.is_floating_point() or name not in self.texts:
                continue
            call = calls[found.op_type].format(self.texts[name])
            result = eval(call, dict(torch=torch, F=F), {self.texts[name]: x})
            if torch.allclose(result, value, rtol=1e-4, atol=1e-5):
                self.lines.pop()
                del self.values[node.output[0]]
                self.emit(node.output, call, [name])
                return

    # Each op below adds its line.

    def op_Constant(self, node, a):
        value = a.get("value")
        if value is not None:
            array = numpy_helper.to_array(value).copy()
        else:
            array = np.array(next(iter(a.values())))
            array = array.astype(np.float32 if array.dtype == np.float64 else array.dtype)
        self.add_constant(node.output[0], torch.from_numpy(array))

    def op_Shape(self, node, a):
        shape = list(self.values[node.input[0]].shape)[a.get("start", 0):a.get("end", None)]
        self.add_constant(node.output[0], torch.tensor(shape, dtype=torch.int64))

    def op_ConstantOfShape(self, node, a):
        value = numpy_helper.to_array(a["value"]).reshape(-1)[0] if "value" in a else np.float32(0)
        self.add_constant(node.output[0], torch.from_numpy(np.full(self.ints(node, 0), value)))

    def op_Range(self, node, a):
        start, stop, step = (self.const(node, i).item() for i in range(3))
        self.add_constant(node.output[0], torch.arange(start, stop, step).to(self.const(node, 0).dtype))

    def op_MatMul(self, node, a):
        x, w = node.input
        if w not in self.constant or self.values[w].dim() != 2 or x in self.constant:
            self.emit(node.output, f"{self.text(x, False)} @ {self.text(w, False)}", node.input)
            return
        weight = self.hold(self.values[w].t())
        user = self.only_consumer(node.output[0])
        if user is not None and user.op_type == "Add":
            bias = user.input[0] if user.input[1] == node.output[0] else user.input[1]
            if bias in self.constant and self.values[bias].shape == self.values[w].shape[1:]:
                self.emit(user.output, f"F.linear({self.text(x)}, {weight}, {self.text(bias, False)})", [x])
                self.values[node.output[0]] = None
                return
        self.emit(node.output, f"F.linear({self.text(x)}, {weight})", [x])

    def op_Gemm(self, node, a):
        x, w = node.input[:2]
        bias = node.input[2] if len(node.input) > 2 else ""
        plain = a.get("alpha", 1.0) == 1.0 and a.get("beta", 1.0) == 1.0 and not a.get("transA", 0)
        if w in self.constant and plain and (not bias or bias in self.constant and self.values[bias].dim() == 1):
            weight = self.hold(self.values[w] if a.get("transB", 0) else self.values[w].t())
            tail = f", {self.text(bias, False)}" if bias else ""
            self.emit(node.output, f"F.linear({self.text(x, False)}, {weight}{tail})", [x])
            return
        left = self.text(x, False) + (".t()" if a.get("transA", 0) else "")
        right = self.text(w, False) + (".t()" if a.get("transB", 0) else "")
        tail = f" + {a.get('beta', 1.0)} * {self.text(bias, False)}" if bias else ""
        self.emit(node.output, f"{a.get('alpha', 1.0)} * ({left} @ {right}){tail}", [i for i in node.input if i])

    def op_LayerNormalization(self, node, a):
        x, scale = node.input[:2]
        axis = a.get("axis", -1) % self.values[x].dim()
        bias = self.text(node.input[2], False) if len(node.input) > 2 and node.input[2] else "None"
        shape = list(self.values[x].shape[axis:])
        self.emit(node.output[:1], f"F.layer_norm({self.text(x)}, {shape}, {self.text(scale, False)}, {bias}, "
                  f"{a.get('epsilon', 1e-5)})", [i for i in node.input if i])

    def op_Softmax(self, node, a):
        self.emit(node.output, f"torch.softmax({self.text(node.input[0], False)}, {a.get('axis', -1)})", node.input)

    def op_LogSoftmax(self, node, a):
        self.emit(node.output, f"F.log_softmax({self.text(node.input[0], False)}, {a.get('axis', -1)})", node.input)

    def op_Gelu(self, node, a):
        form = a.get("approximate", b"none").decode()
        self.emit(node.output, f"F.gelu({self.text(node.input[0], False)}, approximate={form!r})", node.input)

    def op_Transpose(self, node, a):
        rank = self.values[node.input[0]].dim()
        order = list(a.get("perm", range(rank - 1, -1, -1)))
        self.emit(node.output, f"{self.text(node.input[0], False)}.permute({order})", node.input)

    def op_Reshape(self, node, a):
        x = self.values[node.input[0]]
        shape = [x.shape[i] if s == 0 and not a.get("allowzero", 0) else s for i, s in enumerate(self.ints(node, 1))]
        self.emit(node.output, f"{self.text(node.input[0], False)}.reshape({shape})", node.input[:1])

    def op_Flatten(self, node, a):
        x, axis = self.values[node.input[0]], a.get("axis", 1)
        rows = int(np.prod(x.shape[:axis])) if axis else 1
        self.emit(node.output, f"{self.text(node.input[0], False)}.reshape([{rows}, -1])", node.input)

    def axes(self, node, a):
        return list(a["axes"]) if "axes" in a else self.ints(node, 1)

    def op_Squeeze(self, node, a):
        x, axes = self.values[node.input[0]], self.axes(node, a)
        gone = [i % x.dim() for i in axes] if axes else [i for i in range(x.dim()) if x.shape[i] == 1]
        shape = [s for i, s in enumerate(x.shape) if i not in gone]
        self.emit(node.output, f"{self.text(node.input[0], False)}.reshape({shape})", node.input[:1])

    def op_Unsqueeze(self, node, a):
        x, axes = self.values[node.input[0]], self.axes(node, a)
        rank, rest = x.dim() + len(axes), iter(x.shape)
        new = {i % rank for i in axes}
        shape = [1 if i in new else next(rest) for i in range(rank)]
        self.emit(node.output, f"{self.text(node.input[0], False)}.reshape({shape})", node.input[:1])

    def op_Expand(self, node, a):
        shape = list(torch.broadcast_shapes(self.values[node.input[0]].shape, self.ints(node, 1)))
        self.emit(node.output, f"{self.text(node.input[0], False)}.expand({shape})", node.input[:1])

    def op_Split(self, node, a):
        x, axis = self.values[node.input[0]], a.get("axis", 0)
        sizes = list(a["split"]) if "split" in a else self.ints(node, 1)
        if sizes is None:
            each = -(-x.shape[axis] // len(node.output))
            sizes = [min(each, x.shape[axis] - i * each) for i in range(len(node.output))]
        self.emit(node.output, f"{self.text(node.input[0], False)}.split({sizes}, {axis})", node.input[:1])

    def op_Slice(self, node, a):
        x = self.values[node.input[0]]
        starts, ends = a.get("starts") or self.ints(node, 1), a.get("ends") or self.ints(node, 2)
        axes = list(a["axes"]) if "axes" in a else self.ints(node, 3, list(range(len(starts))))
        steps = self.ints(node, 4, [1] * len(starts))
        if any(step < 1 for step in steps):
            raise Untranslated("Slice with a negative step")
        cuts = [":"] * x.dim()
        for start, end, axis, step in zip(starts, ends, axes, steps):
            start, end, _ = slice(start, end).indices(x.shape[axis])
            cuts[axis] = f"{start}:{end}:{step}"
        self.emit(node.output, f"{self.text(node.input[0], False)}[{', '.join(cuts)}]", node.input[:1])

    def op_Concat(self, node, a):
        parts = ", ".join(self.text(i, False) for i in node.input)
        self.emit(node.output, f"torch.cat([{parts}], {a['axis']})", node.input)

    def op_Gather(self, node, a):
        x, index, axis = node.input[0], node.input[1], a.get("axis", 0)
        rank = self.values[index].dim()
        if rank == 0:
            self.emit(node.output, f"{self.text(x, False)}.select({axis}, {self.const(node, 1).item()})", [x])
            return
        if axis == 0 and self.values[x].dim() == 2:
            self.emit(node.output, f"F.embedding({self.text(index, False)}, {self.text(x, False)})", [x, index])
            return
        shape = list(self.values[x].shape)
        shape[axis:axis + 1] = list(self.values[index].shape)
        self.emit(node.output, f"{self.text(x, False)}.index_select({axis}, {self.text(index, False)}.reshape(-1))"
                  f".reshape({shape})", [x, index])

    def op_Cast(self, node, a):
        self.emit(node.output, f"{self.text(node.input[0], False)}.to(torch.{DTYPES[a['to']]})", node.input)

    def op_Where(self, node, a):
        texts = [self.text(i, False) for i in node.input]
        self.emit(node.output, f"torch.where({', '.join(texts)})", node.input)

    def op_Clip(self, node, a):
        low = self.const(node, 1).item() if self.const(node, 1) is not None else a.get("min")
        high = self.const(node, 2).item() if self.const(node, 2) is not None else a.get("max")
        self.emit(node.output, f"torch.clamp({self.text(node.input[0], False)}, {low!r}, {high!r})", node.input[:1])

    def op_LeakyRelu(self, node, a):
        self.emit(node.output, f"F.leaky_relu({self.text(node.input[0], False)}, {a.get('alpha', 0.01)})", node.input)

    def op_HardSigmoid(self, node, a):
        scale, shift = a.get("alpha", 0.2), a.get("beta", 0.5)
        self.emit(node.output, f"torch.clamp({self.text(node.input[0], False)} * {scale} + {shift}, 0, 1)", node.input)

    def reduce(self, node, a, call):
        x, axes = self.values[node.input[0]], self.axes(node, a)
        axes = list(range(x.dim())) if axes is None else axes
        self.emit(node.output, f"torch.{call}({self.text(node.input[0], False)}, {axes}, {bool(a.get('keepdims', 1))})",
                  node.input[:1])

    def op_ReduceMean(self, node, a):
        self.reduce(node, a, "mean")

    def op_ReduceSum(self, node, a):
        self.reduce(node, a, "sum")

    def op_ReduceMax(self, node, a):
        self.reduce(node, a, "amax")

    def padding(self, node, a, rank, kernel, strides, dilations):
        auto = a.get("auto_pad", b"NOTSET").decode()
        if auto in ("NOTSET", ""):
            pads = list(a.get("pads", [0] * 2 * rank))
        elif auto == "VALID":
            pads = [0] * 2 * rank
        else:
            shape = self.values[node.input[0]].shape[2:]
            need = [max((-(-s // t) - 1) * t + (k - 1) * d + 1 - s, 0)
                    for s, t, k, d in zip(shape, strides, kernel, dilations)]
            less, more = [n // 2 for n in need], [n - n // 2 for n in need]
            pads = less + more if auto == "SAME_UPPER" else more + less
        return pads[:rank], pads[rank:]

    def op_Conv(self, node, a):
        x, w = node.input[:2]
        rank = self.values[w].dim() - 2
        strides, dilations = list(a.get("strides", [1] * rank)), list(a.get("dilations", [1] * rank))
        before, after = self.padding(node, a, rank, self.values[w].shape[2:], strides, dilations)
        source = self.text(x)
        if before != after:
            flat = [p for pair in reversed(list(zip(before, after))) for p in pair]
            source, before = f"F.pad({source}, {flat})", [0] * rank
        bias = self.text(node.input[2], False) if len(node.input) > 2 and node.input[2] else "None"
        self.emit(node.output, f"F.conv{rank}d({source}, {self.text(w, False)}, {bias}, {strides}, {before}, "
                  f"{dilations}, {a.get('group', 1)})", [i for i in node.input if i])

    def op_BatchNormalization(self, node, a):
        x, scale, bias, mean, variance = (self.text(i, False) for i in node.input)
        self.emit(node.output[:1], f"F.batch_norm({x}, {mean}, {variance}, {scale}, {bias}, False, 0.0, "
                  f"{a.get('epsilon', 1e-5)})", node.input)

    def pool(self, node, a, kind, tail):
        kernel = list(a["kernel_shape"])
        rank = len(kernel)
        strides, dilations = list(a.get("strides", [1] * rank)), list(a.get("dilations", [1] * rank))
        before, after = self.padding(node, a, rank, kernel, strides, dilations)
        source, value = self.text(node.input[0]), "-math.inf" if kind == "max" else "0.0"
        if before != after or kind == "max" and any(2 * p > k for p, k in zip(before, kernel)):
            if kind == "avg" and not a.get("count_include_pad", 0):
                raise Untranslated("AveragePool with uneven pads that do not count")
            flat = [p for pair in reversed(list(zip(before, after))) for p in pair]
            source, before = f"F.pad({source}, {flat}, value={value})", [0] * rank
        extra = f", {dilations}" if kind == "max" else ""
        self.emit(node.output[:1], f"F.{kind}_pool{rank}d({source}, {kernel}, {strides}, {before}{extra}, "
                  f"ceil_mode={bool(a.get('ceil_mode', 0))}{tail})", node.input)

    def op_MaxPool(self, node, a):
        self.pool(node, a, "max", "")

    def op_AveragePool(self, node, a):
        self.pool(node, a, "avg", f", count_include_pad={bool(a.get('count_include_pad', 0))}")

    def op_GlobalAveragePool(self, node, a):
        axes = list(range(2, self.values[node.input[0]].dim()))
        self.emit(node.output, f"torch.mean({self.text(node.input[0])}, {axes}, True)", node.input)

    def op_Dropout(self, node, a):
        self.emit(node.output[:1], f"{self.text(node.input[0])}", node.input[:1])

    def module(self):
        """Only lines that an output needs, each value dropped after its last use."""
        results = [self.text(o, False) for o in self.outputs]
        needed, kept = set(results), []
        for names, expression, reads in reversed(self.lines):
            if needed & set(names):
                dead = [n for n in dict.fromkeys(reads) if n not in needed]
                kept.append((names, expression, dead))
                needed |= set(reads)
        arguments = [self.texts[i] for i in self.inputs]
        body = []
        for names, expression, dead in reversed(kept):
            body.append(f"    {', '.join(names)} = {expression}")
            dropped = [n for n in dead if n not in arguments and n not in results]
            dropped += [n for n in names if n not in needed and len(names) > 1]
            if dropped:
                body.append(f"    del {', '.join(dropped)}")
        source = "\n".join([f"def forward(self, {', '.join(arguments)}):", *body, f"    return {', '.join(results)}"])
        scope = dict(torch=torch, F=F, math=math)
        exec(source, scope)
        if os.environ.get("PACELINE_TORCH_PEER_SOURCE"):
            print(source, file=sys.stderr)
        kind = type("Graph", (torch.nn.Module,), dict(forward=scope["forward"]))
        module = kind()
        for name, tensor in self.held.items():
            if f"self.{name}" in source:
                module.register_buffer(name, tensor)
        return module.eval()


class Held:
    def __init__(self, tensors):
        self.__dict__.update(tensors)


def status_bytes(key):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(key)) * 1024


def main():
    request = json.loads(sys.argv[1])
    torch.set_num_threads(request["threads"])
    torch.set_grad_enabled(False)
    inputs = read_safetensors(request["inputs"])
    translator = Translator(onnx.load(request["model"]), inputs)
    module = translator.run()
    names = translator.outputs
    arguments = [inputs[name] for name in translator.inputs]
    del translator
    if request["form"] == "jit":
        module = torch.jit.freeze(torch.jit.trace(module, tuple(arguments), check_trace=False))
        for _ in range(3):
            module(*arguments)  # The first calls profile and compile.
    ctypes.CDLL(None).malloc_trim(0)
    activation = None
    loaded, mapped = status_bytes("VmRSS"), status_bytes("RssFile")
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
        outputs = module(*arguments)
        activation = max(status_bytes("VmHWM") - loaded - max(status_bytes("RssFile") - mapped, 0), 0)
    except OSError:
        outputs = module(*arguments)
    outputs = outputs if isinstance(outputs, (tuple, list)) else [outputs]
    write_safetensors(request["outputs"], dict(zip(names, outputs)))
    capability = os.environ.get("ATEN_CPU_CAPABILITY", "default")
    say(dict(version=torch.__version__, outputs=request["outputs"], activation_bytes=activation,
             settings=f"{request['form']}, ATen {capability}, "
                      f"OpenBLAS {os.environ.get('OPENBLAS_CORETYPE', 'as it finds')}"))
    for line in sys.stdin:
        count = int(line.split()[1])
        for _ in range(1 + count // 10):
            module(*arguments)
        seconds = []
        for _ in range(count):
            start = time.perf_counter()
            module(*arguments)
            seconds.append(time.perf_counter() - start)
        say(dict(seconds=dict(run=seconds)))


try:
    import math

    import numpy as np
    import onnx
    import torch
    import torch.nn.functional as F
    from onnx import numpy_helper
    main()
except Exception as error:  # One line to the one who asked.
    say(dict(error=f"{type(error).__name__}: {error}".replace("\n", " ")[:500]))
    sys.exit(1)
