#!/usr/bin/env python3
"""The table of cold_start.sh.

usage: cold_start_table.py SAMPLES.jsonl MODEL BYTES
"""

import json
import pathlib
import statistics
import sys


def seconds(sample):
    return sample.get("seconds") if "start" not in sample else sample["start"]["first_result_s"]


def spread(values):
    return f"{statistics.median(values):.2f} s [{min(values):.2f}, {max(values):.2f}]"


def row_of(kind, state, samples, reads, model_bytes):
    cells = [kind, state, spread([seconds(sample) for sample in samples])]
    if kind == "read":
        return cells + [""] * 7
    ratios = [seconds(sample) / read for sample, read in zip(samples, reads)]
    cells.append(f"{statistics.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}]")
    for part in ("model_s", "plan_s", "prepare_s", "first_run_s"):
        cells.append(f"{statistics.median(s['start'][part] for s in samples):.2f}")
    packed = samples[0]["start"]["packed"]
    cells.append(f"{packed['cached']['buffers']} found, {packed['computed']['buffers']} computed")
    resident = max(sample["memory"]["peak_resident_bytes"] for sample in samples)
    cells.append(f"{resident / model_bytes:.2f}")
    return cells


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    rows = [json.loads(line) for line in pathlib.Path(sys.argv[1]).read_text().splitlines()]
    by_key = {}
    for row in rows:
        by_key.setdefault((row["kind"], row["state"]), []).append(row["sample"])
    model_bytes = int(sys.argv[3])
    first = by_key.pop(("very first", "cold"))[0]["start"]
    print(f"{pathlib.Path(sys.argv[2]).name}: {model_bytes / 1e9:.2f} GB; the very first run on "
          f"this machine took {first['first_result_s']:.2f} s, {first['plan_s']:.2f} s of them for "
          "the plan and to calibrate\n")
    header = ["what", "page cache", "until the result", "of reading", "model", "plan", "prepare",
              "run", "packed weights", "resident, of the file"]
    print("| " + " | ".join(header) + " |\n|" + " --- |" * len(header))
    for state in ("cold", "warm"):
        reads = [seconds(sample) for sample in by_key[("read", state)]]
        for kind in ("read", "first run", "second run"):
            cells = row_of(kind, state, by_key[(kind, state)], reads, model_bytes)
            print("| " + " | ".join(cells) + " |")
    print()


if __name__ == "__main__":
    main()
