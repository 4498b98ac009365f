#!/usr/bin/env bash
# Settles the fastest paths of models on this machine and exports what was found as one file, which a user of
# the same model of machine imports: `gunzip -k F.gz && paceline store import F`.
#
#   bash ops-tools/tune.sh OUT.store.gz MODEL... [-- ARGUMENT...]
#
#   MODEL           what `paceline measure` takes: an .onnx or .gguf file, a directory
#   ARGUMENT        the rest goes to `paceline measure`, as in -- --bind B=1 --bind N=128
#
# PACELINE_THREADS     "1 2": thread counts, one after the other
# PACELINE_TOLERANCES  "1e-5 1e-2"
# PACELINE_PATHS       8: candidates of each race
# PACELINE             the program (build/release/bin/paceline)
#
# What the store OUT.store beside the file knows already is not measured again: an interrupted run goes on where
# it ended.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
paceline=${PACELINE:-$here/../build/release/bin/paceline}

if [ $# -lt 2 ]; then
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"
  exit 2
fi
out=$1
shift
if [[ $out != *.gz ]]; then
  echo "tune.sh: the file is compressed, give a name that ends so: $out.gz" >&2
  exit 2
fi
models=()
while [ $# -gt 0 ] && [ "$1" != "--" ]; do
  models+=("$1")
  shift
done
[ "${1:-}" = "--" ] && shift

store=${out%.gz}
failed=0
for model in "${models[@]}"; do
  for threads in ${PACELINE_THREADS:-1 2}; do
    for tolerance in ${PACELINE_TOLERANCES:-1e-5 1e-2}; do
      mark="$(basename "$model") $threads $tolerance $*"
      grep -qxF "$mark" "$store.done" 2>/dev/null && continue
      echo "tunes $mark" >&2
      if "$paceline" measure "$model" --threads "$threads" --tolerance "$tolerance" --store "$store" \
        --paths "${PACELINE_PATHS:-8}" --regime hot "$@" >&2; then
        echo "$mark" >> "$store.done"
      else
        echo "tune.sh: failed: $mark" >&2
        failed=1
      fi
    done
  done
done

# A fresh file holds no free pages.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$paceline" store export "$scratch/tuned" --races --store "$store"
gzip -9 -n -c "$scratch/tuned" > "$out"
ls -l "$out" >&2
exit "$failed"
