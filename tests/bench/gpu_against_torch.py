#!/usr/bin/env python3
"""gpu_against_torch.py BENCH_GPU matmul|attention|decode_attention|chains|elementwise|rows|convolutions [--rounds N] [--json FILE]

Times Paceline's kernels on cuda:0 against PyTorch's for the same workloads, in alternating turns of one run: each
round is a sample of ours (program bench_gpu), then one of PyTorch's, both as captured graphs of many calls. `chains` are
kernels that are generated for a graph of several ops, against torch.compile, their rate as a share of a copy's in the same run.
"""
import argparse, json, math, statistics, subprocess, sys
import torch
import torch.nn.functional as F

NAMES = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}


class Ours:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit("bench_gpu ended")
        return json.loads(answer)


class Theirs:
    """One function of PyTorch as a captured graph."""

    def __init__(self, function, seconds=1e-3):
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                function()
        torch.cuda.current_stream().wait_stream(side)
        torch.cuda.synchronize()
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            function()
        once = max(self.time_graph(), 1e-7)
        self.calls = max(1, min(200, int(seconds / once)))
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            for _ in range(self.calls):
                function()
        self.graph.replay()

    def time_graph(self):
        self.graph.replay()
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        torch.cuda._sleep(200000)
        begin.record()
        self.graph.replay()
        end.record()
        torch.cuda.synchronize()
        return begin.elapsed_time(end) * 1e-3

    def time(self):
        return self.time_graph() / self.calls


def matmul_cases():
    shapes = [("bf16", s) for s in [(512, 512, 512), (1024, 1024, 1024), (2048, 2048, 2048), (4096, 4096, 4096),
                                    (1, 4096, 4096), (4, 4096, 4096), (16, 4096, 4096), (64, 4096, 4096),
                                    (128, 4096, 11008), (1024, 3072, 1024), (1024, 1024, 6144), (4096, 1024, 1024),
                                    (8192, 512, 512), (1000, 1000, 1000), (777, 1536, 3331), (2048, 128, 8192)]]
    shapes += [("f16", s) for s in [(512, 512, 512), (2048, 2048, 2048), (4096, 4096, 4096), (1, 4096, 4096),
                                    (8, 4096, 11008), (32, 2048, 2048), (256, 768, 3072), (1023, 1023, 1023),
                                    (8192, 256, 1024), (333, 4096, 512)]]
    shapes += [("f32", s) for s in [(256, 256, 256), (512, 512, 512), (1024, 1024, 1024), (2048, 2048, 2048),
                                    (4096, 4096, 4096), (1, 4096, 4096), (2, 2048, 8192), (16, 4096, 1024),
                                    (128, 768, 3072), (128, 3072, 768), (511, 513, 1027), (4096, 64, 4096),
                                    (64, 8192, 64), (1000, 300, 700)]]
    for dtype, (m, k, n) in shapes:
        text = f"matmul({dtype}[{m},{k}], {dtype}[{k},{n}]) -> {dtype}[{m},{n}]"
        a = torch.randn(m, k, device="cuda", dtype=NAMES[dtype])
        b = torch.randn(k, n, device="cuda", dtype=NAMES[dtype])
        yield f"{dtype} {m}x{k}x{n}", text, (lambda a=a, b=b: torch.matmul(a, b)), 2 * m * k * n, None


# Layers of ResNet-50 and MobileNet with their bias, as x lies: channels first.
def convolution_cases():
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = False
    shapes = [(32, 3, 224, 64, 7, 2, 3, 1), (32, 64, 56, 64, 1, 1, 0, 1), (32, 64, 56, 64, 3, 1, 1, 1),
              (32, 256, 56, 128, 1, 1, 0, 1), (32, 128, 28, 128, 3, 1, 1, 1), (32, 256, 14, 256, 3, 1, 1, 1),
              (32, 512, 7, 2048, 1, 1, 0, 1), (32, 96, 56, 96, 3, 1, 1, 96), (1, 256, 14, 256, 3, 1, 1, 1)]
    for dtype in ("bf16", "f16", "f32"):
        for b, c, size, m, k, stride, pad, groups in shapes:
            out = (size + 2 * pad - k) // stride + 1
            text = (f"conv({dtype}[{b},{c},{size},{size}], {dtype}[{m},{c // groups},{k},{k}], {dtype}[{m}], "
                    f"dilations=[1, 1], groups={groups}, pads_high=[{pad}, {pad}], pads_low=[{pad}, {pad}], "
                    f"strides=[{stride}, {stride}]) -> {dtype}[{b},{m},{out},{out}]")
            x = torch.randn(b, c, size, size, device="cuda", dtype=NAMES[dtype])
            w = torch.randn(m, c // groups, k, k, device="cuda", dtype=NAMES[dtype])
            bias = torch.randn(m, device="cuda", dtype=NAMES[dtype])
            function = lambda x=x, w=w, bias=bias, s=stride, p=pad, g=groups: F.conv2d(x, w, bias, s, p, 1, g)
            flops = 2 * b * m * (c // groups) * k * k * out * out
            yield f"{dtype} {b}x{c}x{size} {m} {k}x{k}/{stride} g{groups}", text, function, flops, None


def attention_case(heads, groups, queries, keys, width, causal):
    text = (f"attention(bf16[1,{heads},{queries},{width}], bf16[1,{groups},{keys},{width}], "
            f"bf16[1,{groups},{keys},{width}], causal={'true' if causal else 'false'}, scale={width ** -0.5!r}, "
            f"softcap=0.0, window=0) -> bf16[1,{heads},{queries},{width}]")
    q = torch.randn(1, heads, queries, width, device="cuda", dtype=torch.bfloat16)
    k = torch.randn(1, groups, keys, width, device="cuda", dtype=torch.bfloat16)
    v = torch.randn(1, groups, keys, width, device="cuda", dtype=torch.bfloat16)
    flops = 4 * heads * queries * keys * width * (0.5 if causal and queries > 1 else 1)
    return text, (lambda: F.scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=heads != groups)), flops


def attention_cases():
    for length in (1024, 4096, 16384):
        text, function, flops = attention_case(16, 16, length, length, 128, True)
        yield f"causal {length}", text, function, flops, None


def decode_attention_cases():
    for heads, groups, keys in ((16, 8, 1024), (16, 8, 4096), (32, 8, 1024), (32, 8, 8192), (32, 8, 32768)):
        text, function, flops = attention_case(heads, groups, 1, keys, 128, False)
        yield f"decode {heads}/{groups} heads, {keys} keys", text, function, flops, 2 * groups * keys * 128 * 2


# One node each, as fusion makes it of a graph of many.
def generated_chains(rows, width, x, y, w, mask):
    shape, count = f"f32[{rows},{width}]", rows * width
    number = lambda name, value: f"constant {name}: f32[] = {value} {name}b = broadcast({name}, shape=[{rows},{width}]) "
    yield ("chain: gelu(a x + b)",
           f"input x: {shape} {number('a', 1.5)}{number('b', 0.25)}m = mul(x, ab) s = add(m, bb) y = gelu(s) "
           "output y = y",
           lambda: F.gelu(1.5 * x + 0.25), 8 * count)
    yield ("chain: residual, rms_norm",
           f"input x: {shape} input r: {shape} input w: f32[{width}] s = add(x, r) n = rms_norm(s, w) "
           "output s = s output n = n",
           lambda: (x + y, F.rms_norm(x + y, (width,), w, 1e-6)), 16 * count)
    yield ("chain: softmax under a mask",
           f"input x: {shape} input k: {shape} {number('a', 0.125)}m = mul(x, ab) s = add(m, k) y = softmax(s) "
           "output y = y",
           lambda: torch.softmax(x * 0.125 + mask, -1), 12 * count)


def chain_cases():
    rows, width = 4096, 4096
    x, y, mask = (torch.randn(rows, width, device="cuda") for _ in range(3))
    w = torch.randn(width, device="cuda")
    yield "copy", f"copy(f32[{rows},{width}]) -> f32[{rows},{width}]", lambda: x.clone(), None, 8 * rows * width
    for name, body, function, size in generated_chains(rows, width, x, y, w, mask):
        yield name, "chain " + body, torch.compile(function), None, size


def elementwise_cases():
    rows, width = 4096, 4096
    count = rows * width
    x = torch.randn(rows, width, device="cuda")
    y = torch.randn(rows, width, device="cuda")
    w = torch.randn(width, device="cuda")
    shape = f"f32[{rows},{width}]"
    single = [
        ("gelu", f"gelu({shape}) -> {shape}", lambda: F.gelu(x), 8 * count),
        ("add", f"add({shape}, {shape}) -> {shape}", lambda: x + y, 12 * count),
        ("softmax", f"softmax({shape}) -> {shape}", lambda: torch.softmax(x, -1), 8 * count),
        ("residual + rms_norm", f"add_rms_norm({shape}, {shape}, f32[{width}]) -> {shape}, {shape}",
         lambda: (x + y, F.rms_norm(x + y, (width,), w)), 16 * count),
        ("copy", f"copy({shape}) -> {shape}", lambda: x.clone(), 8 * count),
    ]
    for name, text, function, size in single:
        yield name, text, torch.compile(function), None, size


def turned(x, cos, sin):
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


# What lies between the products of a decoder's layer (Qwen3-0.6B), for `n` tokens.
def layer_cases(n, capacity):
    hidden, heads, groups, width, inner = 1024, 16, 8, 128, 3072
    made = lambda *extents: torch.randn(*extents, device="cuda", dtype=torch.bfloat16)
    text = lambda *extents: "bf16[" + ",".join(map(str, extents)) + "]"
    norm, tables = "epsilon=1e-06, weight_offset=0.0", text(n, width // 2)
    x, y, w, v = made(1, n, hidden), made(1, n, hidden), made(hidden), made(width)
    cos, sin = made(n, width // 2), made(n, width // 2)
    yield ("rms_norm", f"rms_norm({text(1, n, hidden)}, {text(hidden)}, {norm}) -> {text(1, n, hidden)}",
           lambda: F.rms_norm(x, (hidden,), w, 1e-6), 4 * x.numel())
    yield ("add_rms_norm", f"add_rms_norm({text(1, n, hidden)}, {text(1, n, hidden)}, {text(hidden)}, {norm}) -> "
           f"{text(1, n, hidden)}, {text(1, n, hidden)}",
           lambda: (x + y, F.rms_norm(x + y, (hidden,), w, 1e-6)), 8 * x.numel())
    for count in (heads, groups):
        h, shape = made(1, count, n, width), text(1, count, n, width)
        yield (f"rms_norm of {count} heads", f"rms_norm({shape}, {text(width)}, {norm}) -> {shape}",
               lambda h=h: F.rms_norm(h, (width,), v, 1e-6), 4 * h.numel())
        yield (f"rope of {count} heads", f"rope({shape}, {tables}, {tables}, interleaved=false) -> {shape}",
               lambda h=h: turned(h, cos, sin), 4 * h.numel())
    kept, rows = made(1, groups, capacity, width), made(1, groups, n, width)
    keys = text(1, groups, capacity, width)
    yield ("update_slice", f"update_slice({keys}, {text(1, groups, n, width)}, axis=2, start=0) -> {keys}",
           lambda: kept[:, :, :n].copy_(rows), 4 * rows.numel())
    gate, up = made(1, n, inner), made(1, n, inner)
    yield ("gated_activation", f"gated_activation({text(1, n, inner)}, {text(1, n, inner)}, activation=\"silu\") -> "
           f"{text(1, n, inner)}", lambda: F.silu(gate) * up, 6 * gate.numel())
    q, k, values = made(1, n, heads * width), made(1, n, groups * width), made(1, groups, capacity, width)

    def append():
        split = lambda flat, count: flat.view(1, n, count, width).transpose(1, 2)
        kept[:, :, :n] = turned(F.rms_norm(split(k, groups), (width,), v, 1e-6), cos, sin)
        values[:, :, :n] = split(k, groups)
        return turned(F.rms_norm(split(q, heads), (width,), v, 1e-6), cos, sin).contiguous()

    flat = text(1, n, groups * width)
    yield ("head_append", f"head_append({text(1, n, heads * width)}, {flat}, {flat}, {tables}, {tables}, {keys}, {keys}, "
           f"{text(width)}, {text(width)}, {norm}, interleaved=false, start=0) -> "
           f"{text(1, heads, n, width)}, {keys}, {keys}", append, 4 * n * width * (heads + 2 * groups))


def rows_cases():
    for n in (1, 1024, 4096):
        for name, text, function, size in layer_cases(n, 2 * max(n, 1024)):
            yield f"{name}, {n}", text, torch.compile(function), None, size


CASES = {"matmul": matmul_cases, "attention": attention_cases, "decode_attention": decode_attention_cases,
         "chains": chain_cases, "elementwise": elementwise_cases, "rows": rows_cases,
         "convolutions": convolution_cases}


def spread(values):
    values = sorted(values)
    return values[len(values) // 4], values[(3 * len(values)) // 4]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("cases", choices=CASES)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    ours = Ours(arguments.program)
    ratios, rows = [], []
    copied = None  # Bytes a second of the case "copy", once it was timed.
    print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}; medians of {arguments.rounds} turns each")
    for name, text, function, flops, size in CASES[arguments.cases]():
        chosen = ours.ask(text if text.startswith("chain ") else "choose " + text)
        if "error" in chosen:
            print(f"{name:32} {chosen}")
            rows.append({"case": name, "workload": text, **chosen})
            continue
        theirs = Theirs(function)
        pairs = [(ours.ask("time")["seconds"], theirs.time()) for _ in range(arguments.rounds)]
        mine, other = (statistics.median(side) for side in zip(*pairs))
        ratio = statistics.median(b / a for a, b in pairs)
        low, high = spread([b / a for a, b in pairs])
        ratios.append(ratio)
        if name == "copy":
            copied = size / mine
        rate = f"{flops / mine / 1e12:7.1f} TFLOP/s" if size is None else f"{size / mine / 1e12:7.2f} TB/s"
        if size is not None and copied is not None:
            rate += f" {size / mine / copied:6.1%} of copying"
        if text.startswith("chain ") and not chosen["kernel"].startswith("fused_nvrtc"):
            rate += " NOT GENERATED"
        print(f"{name:32} {mine * 1e6:9.2f} us  torch {other * 1e6:9.2f} us  {ratio:5.2f} [{low:.2f}, {high:.2f}] "
              f"{rate}  {chosen['kernel']}", flush=True)
        rows.append({"case": name, "workload": text, "ours_s": mine, "torch_s": other, "ratio": ratio,
                     "quartiles": [low, high], **chosen})
    if ratios:
        print(f"geometric mean {math.exp(sum(map(math.log, ratios)) / len(ratios)):.3f}, lowest {min(ratios):.3f}")
    if arguments.json:
        with open(arguments.json, "w") as file:
            for row in rows:
                file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
