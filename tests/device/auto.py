#!/usr/bin/env python3
"""auto.py PACELINE [--rows N] [--rounds K]: what `--device auto` chooses, beside the CPU alone and the GPU alone.

Measures three cases on this machine (a store of its own, $PACELINE_STORE when that is set), runs each on cpu, cuda:0 and
auto in turn, a process each time, and prints the medians, where the nodes went, and what was predicted. Exit status 1 when
auto is more than a tenth slower than the better of the two, or nodes did not go where they should.
"""

import argparse
import array
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys

DEVICES = ("cpu", "cuda:0", "auto")
MODELS = pathlib.Path(__file__).parent / "models"


def write_safetensors(path, tensors):
    """Of name to (dtype, shape, bytes)."""
    header, offset = {}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, _, data in tensors.values():
            file.write(data)


def floats(count, scale, draw):
    """So many, of a tile drawn at random that repeats."""
    tile = array.array("f", (draw.uniform(-scale, scale) for _ in range(min(count, 1 << 18))))
    return (tile.tobytes() * (count // len(tile) + 1))[: 4 * count]


def make_model(name, shapes, folder):
    draw = random.Random(1)
    path = folder / f"{name}.paceline"
    path.write_text((MODELS / f"{name}.paceline").read_text())
    write_safetensors(path.with_suffix(".safetensors"),
                      {k: ("F32", list(s), floats(s[0] * s[1], (3 / s[1]) ** 0.5, draw)) for k, s in shapes.items()})
    return path


def make_bank(folder, size, rows):
    draw = random.Random(2)
    path = folder / "bank.safetensors"
    indices = array.array("q", (draw.randrange(size) for _ in range(rows)))
    write_safetensors(path, {"bank": ("F32", [size, 512], floats(size * 512, 1, draw)),
                             "rows": ("I64", [rows], indices.tobytes())})
    return path


class Case:
    def __init__(self, title, model, bindings, goes, inputs, threads):
        self.title, self.model, self.goes, self.inputs = title, str(model), goes, inputs
        self.bindings = [w for b in bindings for w in ("--bind", b)]
        self.threads = ["--threads", str(threads)]


def call(program, *words):
    done = subprocess.run([program, *words], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join([program, *words])}: {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def report(program, case, rounds):
    said = call(program, "measure", case.model, *case.bindings, *case.threads, "--device", "auto", "--sitting-seconds",
                "0.1", "--json")
    measured = json.loads(said)["measured"]
    times = {device: [] for device in DEVICES}
    for _ in range(rounds):
        for device in DEVICES:
            run = json.loads(call(program, "run", case.model, *case.bindings, *case.threads, *case.inputs, "--device", device,
                                  "--repeat", "200", "--json"))
            times[device].append(run["seconds"]["median"])
    told = json.loads(call(program, "explain", case.model, *case.bindings, *case.threads, "--device", "auto", "--json"))
    medians = {device: statistics.median(seconds) for device, seconds in times.items()}
    print(f"\n{case.title}: {' '.join(case.bindings[1::2])}, {case.threads[1]} threads; {measured} workloads measured now")
    for device in DEVICES:
        spread = " ".join(f"{1e6 * s:.1f}" for s in times[device])
        print(f"  {device:<7} {1e6 * medians[device]:10.1f} us   (rounds: {spread})")
    print(f"  auto was predicted to take {1e6 * told['predicted_s']:.1f} us, {told['basis']}")
    for node in told["nodes"]:
        seconds = node.get("estimate", {}).get("seconds", 0)
        print(f"    {node['device']:<7} {1e6 * seconds:9.1f} us  {node['kernel']:<28} {node['workload'][:70]}")
    kinds = {node["device"] for node in told["nodes"]}
    slack = medians["auto"] / min(medians["cpu"], medians["cuda:0"])
    print(f"  auto takes {slack:.3f} of the better of the two alone; nodes on {', '.join(sorted(kinds))}")
    return slack < 1.1 and kinds == case.goes


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--bank", type=int, default=1 << 17, help="rows of the bank")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    folder = pathlib.Path("/tmp/paceline_auto")
    folder.mkdir(exist_ok=True)
    os.environ.setdefault("PACELINE_STORE", str(folder / "auto.store"))
    mlp = make_model("mlp", {"up": (256, 64), "down": (64, 256)}, folder)
    retrieve = make_model("retrieve", {"0": (2048, 512), "1": (2048, 2048), "2": (2048, 2048), "3": (512, 2048)}, folder)
    bank = make_bank(folder, arguments.bank, 1024)
    threads = min(len(os.sched_getaffinity(0)), 16)
    drawn = ("--random", "1")
    cases = [
        Case("small", mlp, ["N=1"], {"cpu"}, drawn, threads),
        Case("large", mlp, ["N=65536"], {"cuda:0"}, drawn, threads),
        Case("half and half", retrieve, [f"V={arguments.bank}", "N=1024"], {"cpu", "cuda:0"}, ("--input", str(bank)), threads),
    ]
    fine = [report(arguments.program, case, arguments.rounds) for case in cases]
    print(f"\n{sum(fine)} of {len(fine)} cases went where they should, and auto was the fastest or within a tenth of it")
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main())
