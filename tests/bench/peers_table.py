#!/usr/bin/env python3
"""What peers.sh collects, as Markdown.

usage: peers_table.py add RESULTS.jsonl ONE.json NAME THREADS TOLERANCE
       peers_table.py table RESULTS.jsonl

Ratios are the best peer's time over Paceline's, by rounds: above 1 Paceline is faster.
"""
import json
import math
import sys


def add(results, one, name, threads, tolerance):
    with open(one) as file:
        document = json.load(file)
    document = dict(key=f"{name} {threads} {tolerance}", name=name, tolerance=tolerance, **document)
    with open(results, "a") as file:
        file.write(json.dumps(document, separators=(",", ":")) + "\n")


def milliseconds(phase):
    spread = 50 * (phase["high_s"] - phase["low_s"]) / phase["median_s"]
    return f"{1e3 * phase['median_s']:.4g} ±{spread:.0f} %"


def mebibytes(row):
    return f"{row['activation_bytes'] / 2 ** 20:.1f}" if "activation_bytes" in row else "-"


def cells_of(document, name):
    """One line of the table, and the ratio to the best peer."""
    ours = document["rows"][0]["phases"].get(name)
    peers = [row for row in document["rows"][1:] if name in row["phases"] and "ratio" in row["phases"][name]]
    label = document["name"].rsplit(".", 1)[0] + (f" {name}" if name != "run" else "")
    if ours is None or not peers:
        return None, None
    best = min(peers, key=lambda row: row["phases"][name]["ratio"])
    phase = best["phases"][name]
    others = {row["peer"]: milliseconds(row["phases"][name]) for row in peers}
    worst = max((row.get("difference", {}).get("relative", 0) for row in peers), default=0)
    other_answer = any("other_answer" in row for row in peers)
    ort = next((row for row in document["rows"] if row["peer"] == "ort"), {})
    fraction = f"{100 * ours['roofline_fraction']:.0f} %" if "roofline_fraction" in ours else "-"
    cells = [label, str(document["threads"]), document["tolerance"], milliseconds(ours),
             *(others.get(peer, "-") for peer in ("ort", "torch", "llama")),
             f"{phase['ratio']:.2f} [{phase['ratio_low']:.2f}, {phase['ratio_high']:.2f}]", fraction,
             f"{mebibytes(document['rows'][0])} / {mebibytes(ort)}",
             ("OTHER ANSWER " if other_answer else "") + f"{worst:.0e}"]
    return cells, phase["ratio"]


def table(results):
    with open(results) as file:
        documents = [json.loads(line) for line in file]
    header = ["model", "threads", "tolerance", "Paceline ms", "ORT ms", "PyTorch ms", "llama.cpp ms",
              "best peer over ours", "of roofline", "activations MiB, ours / ORT", "difference"]
    print("| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    groups = {}
    for document in sorted(documents, key=lambda d: (d["tolerance"], d["threads"])):
        for name in sorted({name for row in document["rows"] for name in row["phases"]}):
            cells, ratio = cells_of(document, name)
            if cells is None:
                continue
            print("| " + " | ".join(cells) + " |")
            groups.setdefault((document["tolerance"], document["threads"], name), []).append((ratio, cells[0]))
    print()
    for (tolerance, threads, name), found in groups.items():
        mean = math.exp(sum(math.log(ratio) for ratio, _ in found) / len(found))
        slower = [f"{label} {ratio:.2f}" for ratio, label in found if ratio < 1]
        print(f"tolerance {tolerance}, {threads} threads, {name}: geometric mean {mean:.2f} over {len(found)} rows; "
              + ("slower than the best peer: " + ", ".join(slower) if slower else "none slower than the best peer"))
    for document in documents:
        for row in document["rows"]:
            if "failure" in row:
                print(f"failed: {document['key']}: {row['title']}: {row['failure']}")


if __name__ == "__main__":
    command = {"add": add, "table": table}.get(sys.argv[1] if len(sys.argv) > 1 else "")
    if command is None:
        sys.exit(__doc__)
    command(*sys.argv[2:])
