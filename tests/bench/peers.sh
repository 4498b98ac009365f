#!/usr/bin/env bash
# Every model of a folder against the runtimes that this machine has, and one table of all.
#
# usage: peers.sh MODELS RESULTS.jsonl [option...]
#   --threads "1 2"        thread counts, one after the other
#   --tolerances "1e-5 1e-2"
#   --only REGEX           of file names
#   --measure PATHS        first settle PATHS paths of each model into the store
#   --measure-with "..."   arguments of that `paceline measure`, as "--study-seconds 8 --race-seconds 2"
#   --rounds K             (11)
#   --store URL            (RESULTS.jsonl.store)
#   -- ARGUMENT...         the rest goes to `paceline bench`
# MODELS holds .onnx and .gguf files; NAME@fused.onnx is another form of NAME.onnx for ONNX Runtime.
# Each comparison is one line of RESULTS.jsonl: a file that has it already is not timed again, so an
# interrupted run goes on where it ended. PACELINE names the program (build/release/bin/paceline).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
paceline=${PACELINE:-$here/../../build/release/bin/paceline}
if [ $# -lt 2 ]; then
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"
  exit 2
fi
models=$1 results=$2
shift 2
threads="1 2" tolerances="1e-5" only="." paths=0 rounds=11 store=$results.store measure_with=()
while [ $# -gt 0 ] && [ "$1" != "--" ]; do
  case $1 in
    --threads) threads=$2 ;;
    --tolerances) tolerances=$2 ;;
    --only) only=$2 ;;
    --measure) paths=$2 ;;
    --measure-with) read -r -a measure_with <<< "$2" ;;
    --rounds) rounds=$2 ;;
    --store) store=$2 ;;
    *) echo "peers.sh: unknown option: $1" >&2; exit 2 ;;
  esac
  shift 2
done
[ "${1:-}" = "--" ] && shift

touch "$results"
for model in "$models"/*.onnx "$models"/*.gguf; do
  name=$(basename "$model")
  [ -e "$model" ] || continue
  [[ $name == *@* ]] && continue
  [[ $name =~ $only ]] || continue
  for count in $threads; do
    for tolerance in $tolerances; do
      key="\"key\":\"$name $count $tolerance\""
      grep -qF "$key" "$results" && continue
      common=("$model" --threads "$count" --tolerance "$tolerance" --store "$store")
      if [ "$paths" -gt 0 ]; then
        echo "measures $name, $count threads, tolerance $tolerance" >&2
        "$paceline" measure "${common[@]}" --paths "$paths" --regime hot "${measure_with[@]}" >&2 2>/dev/null ||
          echo "peers.sh: measuring failed: $name" >&2
      fi
      echo "times $name, $count threads, tolerance $tolerance" >&2
      if "$paceline" bench "${common[@]}" --rounds "$rounds" --json "$@" > "$results.one"; then
        python3 "$here/peers_table.py" add "$results" "$results.one" "$name" "$count" "$tolerance"
      else
        echo "peers.sh: failed: $name, $count threads, tolerance $tolerance" >&2
      fi
      rm -f "$results.one"
    done
  done
done
python3 "$here/peers_table.py" table "$results"
