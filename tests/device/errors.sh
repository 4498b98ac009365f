#!/usr/bin/env bash
# errors.sh BIN_FOLDER
#
# What goes wrong on a machine with a GPU, by hand: each case must end within its time, with its exit status and with a line that
# says what was wrong. Prints what was said. Exit status 1 when a case was otherwise. Needs python3 with torch for the cases with
# another process.
set -uo pipefail

bin=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
others=()
trap 'for pid in "${others[@]}"; do kill "$pid" 2>/dev/null; done; rm -rf "$work"' EXIT
export PACELINE_STORE=$work/errors.store
wide=$root/tests/device/models/wide.paceline
failed=0

# expect TITLE SECONDS STATUS TEXT COMMAND...
expect() {
  local title=$1 seconds=$2 status=$3 text=$4 rc start
  shift 4
  start=$(date +%s%N)
  timeout -k 2 "$seconds" "$@" > "$work/out" 2>&1
  rc=$?
  local took=$((($(date +%s%N) - start) / 1000000))
  local verdict=ok
  if [ "$rc" != "$status" ] || ! grep -qiE -- "$text" "$work/out"; then verdict=WRONG; failed=1; fi
  printf '%-6s %-60s rc %s, %d ms\n' "$verdict" "$title" "$rc" "$took"
  [ "$verdict" = ok ] && grep -iE -- "$text" "$work/out" | head -2 | cut -c1-300 | sed 's/^/         /'
  [ "$verdict" = ok ] || tail -8 "$work/out" | cut -c1-400 | sed 's/^/         /'
}

# A process on the GPU: `hold` bytes less than what is free, or `work` at full speed.
other() {
  python3 -u - "$@" > "$work/other" 2>&1 <<'PYTHON' &
import sys, time, torch
if sys.argv[1] == "hold":
    torch.zeros(1, device="cuda")
    free, total = torch.cuda.mem_get_info()
    kept = torch.empty(free - int(sys.argv[2]), dtype=torch.uint8, device="cuda")
    print("ready", flush=True)
    time.sleep(600)
a = torch.randn(8192, 8192, device="cuda")
print("ready", flush=True)
while True:
    for _ in range(50):
        a @ a
    torch.cuda.synchronize()
PYTHON
  other_pid=$!
  others+=("$other_pid")
  for _ in $(seq 100); do
    grep -q ready "$work/other" && return 0
    kill -0 "$other_pid" 2>/dev/null || break
    sleep 0.3
  done
  echo "WRONG  no other process: $(tail -2 "$work/other")"
  failed=1
  return 1
}
end_other() { kill -9 "$other_pid" 2>/dev/null; wait "$other_pid" 2>/dev/null; sleep 1; }

run_wide() { "$bin/paceline" run "$wide" --bind "M=$1" --random 1 --no-search --repeat 3 --device "$2"; }
export -f run_wide
export bin wide

echo "-- without a GPU"
expect "no GPU is visible" 20 2 "no NVIDIA GPU is visible" env CUDA_VISIBLE_DEVICES= "$bin/paceline" run "$wide" --bind M=64 --random 1 --device cuda:0
expect "the CPU goes on" 20 0 "time" env CUDA_VISIBLE_DEVICES= "$bin/paceline" run "$wide" --bind M=64 --random 1
expect "an index that is not here: run" 20 2 "has [0-9]+ GPUs" "$bin/paceline" run "$wide" --bind M=64 --random 1 --device cuda:9
expect "an index that is not here: measure" 20 2 "has [0-9]+ GPUs" "$bin/paceline" measure "$wide" --bind M=64 --device cuda:9

echo "-- memory"
expect "a graph larger than the GPU" 60 1 "needs [0-9]+ bytes on cuda:0" bash -c 'run_wide 134217728 cuda:0'
expect "the same GPU, a smaller graph" 60 0 "time" bash -c 'run_wide 65536 cuda:0'
if other hold $((6 << 30)); then
  expect "activations that another process leaves no room for" 60 1 "needs [0-9]+ bytes on cuda:0.*free" bash -c 'run_wide 4194304 cuda:0'
  end_other
fi
python3 - "$root" "$work" <<'PYTHON'
import json, sys
side, count, work = 16384, 4, sys.argv[2]
lines = ["graph \"heavy\" {", f"  input x: f32[1,{side}]"]
header = {}
for i in range(count):
    lines += [f"  weight \"{i}\": f32[{side},{side}]", f"  y{i} = linear({'x' if i == 0 else f'y{i - 1}'}, \"{i}\")"]
    header[str(i)] = {"dtype": "F32", "shape": [side, side], "data_offsets": [4 * side * side * i, 4 * side * side * (i + 1)]}
lines += [f"  output y = y{count - 1}", "}"]
open(f"{work}/heavy.paceline", "w").write("\n".join(lines) + "\n")
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open(f"{work}/heavy.safetensors", "wb") as file:  # Zeros, and a hole in the file: 4 GiB.
    file.write(len(text).to_bytes(8, "little") + text)
    file.truncate(8 + len(text) + 4 * side * side * count)
PYTHON
if other hold $((3 << 30)); then
  expect "weights that another process leaves no room for" 90 1 "weights need [0-9]+ bytes on cuda:0|bytes free of" \
    "$bin/paceline" run "$work/heavy.paceline" --random 1 --no-search --device cuda:0 --repeat 3
  end_other
fi
expect "the same weights when it has ended" 90 0 "time" \
  "$bin/paceline" run "$work/heavy.paceline" --random 1 --no-search --device cuda:0 --repeat 3

echo "-- a busy GPU"
expect "one that rests is measured" 120 0 "workloads measured" \
  "$bin/paceline" measure "$wide" --bind M=2048 --device cuda:0 --regime hot --sitting-seconds 0.3
expect "and nothing is set aside" 20 0 "0 polluted" \
  "$bin/paceline" store query "select count(*) || ' polluted' as found from measurement where outcome = 'polluted'"
if other work; then
  expect "measuring says so" 120 0 "another process used the GPU" \
    "$bin/paceline" measure "$wide" --bind M=4096 --device cuda:0 --regime hot --sitting-seconds 0.5
  expect "and has no number of it" 20 0 "polluted" "$bin/paceline" store query "select outcome, count(*) from measurement group by outcome"
  expect "a race says so" 120 0 "path-race-disturbed.*another process used the GPU" \
    "$bin/paceline" measure "$wide" --bind M=2048 --device cuda:0 --regime hot --paths 2 --study-seconds 1 --race-seconds 1
  expect "running goes on" 60 0 "time" bash -c 'run_wide 4096 cuda:0'
  end_other
fi

echo "-- what dies"
expect "a kernel's illegal access" 120 0 "PASSED" "$bin/gpu_tests" --gtest_filter='GpuMeasurer.*:LostContext*'
kill_child() {
  "$bin/paceline" measure "$wide" --bind M=16384 --device cuda:0 --regime hot,cold --sitting-seconds 3 --store "$1" &
  local parent=$! child=
  for _ in $(seq 200); do
    child=$(pgrep -P "$parent" -f 'paceline-worker' | head -1)
    [ -n "$child" ] && break
    sleep 0.1
  done
  sleep 3
  echo "killed $child: $(kill -9 "$child" && echo yes)"
  wait "$parent"
}
export -f kill_child
expect "a measuring child that is killed" 120 0 "measuring-child-died" bash -c "kill_child $work/killed.store"
interrupt() {
  set -m  # Else bash lets what it starts ignore the signal.
  "$bin/paceline" run "$wide" --bind M=65536 --random 1 --no-search --device cuda:0 --repeat 1000000 --store none &
  local run=$!
  sleep 6
  kill -INT "$run"
  wait "$run"
}
export -f interrupt
expect "Ctrl-C in the middle of a run" 20 130 "" bash -c interrupt
expect "the GPU after all of it" 60 0 "time" bash -c 'run_wide 4096 cuda:0'
nvidia-smi --query-gpu=memory.used --format=csv
exit $failed
