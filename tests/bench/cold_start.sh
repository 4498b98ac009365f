#!/usr/bin/env bash
# From `paceline run` (or `generate`) to the first result, beside the time to read the model's files, and what was
# resident at most, beside the size of the weights.
#
# usage: cold_start.sh MODEL... [option...]
#   --bind "B=1 N=8"       (that)
#   --tokens 1,2,3         `generate` from these in place of `run`
#   --new K                (8) tokens that it generates
#   --threads T            (2)
#   --rounds K             (5)
#   --touch M              (4500) MB of memory to touch before each sample; 0: none
#   --work FOLDER          for stores and caches of this measurement (a temporary one)
# MODEL is a .gguf or .onnx file or a Hugging Face directory (make_large_models.py writes some). A
# round times, in turn: reading the files with cat, a first run (no plan, no packed weight known), and
# a second run; each with the files it reads out of the page cache (posix_fadvise), then each with
# them in it. Before each, memory is touched and given back: a virtual machine's host takes back what
# was free for long, and to have it again would count as the program's. The very first run on a
# machine, which also calibrates it, stands above the table.
# PACELINE names the program (build/release/bin/paceline).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
paceline=${PACELINE:-$here/../../build/release/bin/paceline}
models=() bind="B=1 N=8" tokens= new=8 threads=2 rounds=5 touch=4500 work=
while [ $# -gt 0 ]; do
  case $1 in
    --bind) bind=$2; shift ;;
    --tokens) tokens=$2; shift ;;
    --new) new=$2; shift ;;
    --threads) threads=$2; shift ;;
    --rounds) rounds=$2; shift ;;
    --touch) touch=$2; shift ;;
    --work) work=$2; shift ;;
    --*) echo "cold_start.sh: unknown option: $1" >&2; exit 2 ;;
    *) models+=("$1") ;;
  esac
  shift
done
if [ ${#models[@]} -eq 0 ]; then
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"
  exit 2
fi
if [ -z "$work" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
fi
mkdir -p "$work"
export XDG_DATA_HOME=$work/data
unset XDG_CACHE_HOME PACELINE_STORE
bindings=()
for binding in $bind; do bindings+=(--bind "$binding"); done

files_of() {
  case $1 in
    *.gguf) echo "$1" ;;
    *) find "$(if [ -d "$1" ]; then echo "$1"; else dirname "$1"; fi)" -type f -size +64k ;;
  esac
}
# Clean pages of these files leave the page cache.
drop() {
  sync
  python3 -c 'import os, sys
for path in sys.argv[1:]:
    file = os.open(path, os.O_RDONLY)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)' "$@"
}
touch_memory() {
  python3 -c 'import mmap, sys
size = int(sys.argv[1]) << 20
if size:
    memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_HUGEPAGE)
    for at in range(0, size, 4096):
        memory[at] = 1' "$touch"
}
packed() { find "$XDG_DATA_HOME/paceline/plans/packed" -name '*.packed' 2>/dev/null || true; }
read_all() {
  local start end
  touch_memory
  start=$(date +%s.%N)
  cat "$@" > /dev/null
  end=$(date +%s.%N)
  awk -v start="$start" -v end="$end" 'BEGIN {printf "{\"seconds\": %.4f}\n", end - start}'
}
run() {
  touch_memory
  local what=(run "$1" "${bindings[@]}" --random 1)
  if [ -n "$tokens" ]; then what=(generate "$1" --tokens "$tokens" --max-new "$new"); fi
  "$paceline" "${what[@]}" --threads "$threads" --json 2>/dev/null
}
note() {  # KIND STATE; the JSON of one sample on standard input.
  python3 -c 'import json, sys
print(json.dumps({"kind": sys.argv[1], "state": sys.argv[2], "sample": json.load(sys.stdin)}))' \
    "$1" "$2" >> "$samples"
}

for model in "${models[@]}"; do
  mapfile -t files < <(files_of "$model")
  samples=$work/samples.jsonl
  rm -rf "$XDG_DATA_HOME" "$samples"
  run "$model" | note "very first" cold
  for ((round = 0; round < rounds; ++round)); do
    for state in cold warm; do
      if [ "$state" = cold ]; then drop "${files[@]}"; else read_all "${files[@]}" > /dev/null; fi
      read_all "${files[@]}" | note read "$state"
      rm -rf "$XDG_DATA_HOME/paceline/plans"
      if [ "$state" = cold ]; then drop "${files[@]}"; fi
      run "$model" | note "first run" "$state"
      if [ "$state" = cold ]; then
        mapfile -t kept < <(packed)
        drop "${files[@]}" "${kept[@]}"
      fi
      run "$model" | note "second run" "$state"
    done
  done
  python3 "$here/cold_start_table.py" "$samples" "$model" \
    "$(stat -c %s "${files[@]}" | paste -sd+ | bc)"
done
