#!/usr/bin/env bash
# run.sh STAGE...
#
# Unpacks what pack.sh made and runs the stages, each within its own limit of time, on a machine with a GPU. Builds
# nothing. Output: $OUT/STAGE.log, and a table at the end. Exit status 1 when a stage failed.
set -uo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
out=${OUT:-$root/gpu_out}
mkdir -p "$out"
place=/tmp/paceline_gpu
bin=$place/bin
export XDG_DATA_HOME=$place/data XDG_CACHE_HOME=$place/cache

# Where Python's packages keep CUDA's libraries; the module looks there too when told so.
cuda_libraries() {
  python3 - <<'PYTHON' 2>/dev/null
import glob, site, sys
folders = [f for s in site.getsitepackages() for f in glob.glob(s + "/nvidia/*/lib")]
print(":".join(folders))
PYTHON
}

unpack() {
  mkdir -p "$place"
  tar -C "$place" -xJf "${PACK:-$root/.gpu/pack.tar.xz}" || exit 1
  # The tests know their data by the folder that they were compiled in.
  local source
  source=$(cat "$place/source_folder") || exit 1
  if [ "$root" != "$source" ]; then
    mkdir -p "$(dirname "$source")"
    ln -sfn "$root" "$source"
  fi
  PACELINE_CUDA_LIBRARIES=${PACELINE_CUDA_LIBRARIES:-$(cuda_libraries)}
  export PACELINE_CUDA_LIBRARIES
}

# shards COUNT FILTER [TOOL...]: gtest in shards side by side, under a tool: each has its own context on the one GPU.
shards() {
  local count=$1 filter=$2 status=0 i pids=()
  shift 2
  for ((i = 0; i < count; ++i)); do
    GTEST_TOTAL_SHARDS=$count GTEST_SHARD_INDEX=$i "$@" "$bin/gpu_tests" --gtest_filter="$filter" --gtest_brief=1 \
      > "$out/shard_$i.txt" 2>&1 &
    pids+=($!)
  done
  for ((i = 0; i < count; ++i)); do wait "${pids[$i]}" || status=1; done
  cat "$out"/shard_*.txt
  rm "$out"/shard_*.txt
  return $status
}

stage_id() {
  nvidia-smi
  free -g | head -2
  cat /sys/fs/cgroup/memory.max 2>/dev/null
  echo "PACELINE_CUDA_LIBRARIES=$PACELINE_CUDA_LIBRARIES"
  "$bin/paceline" doctor
  "$bin/paceline" machine
}
stage_runtime() { "$bin/gpu_tests" --gtest_filter='Runtime.*'; }
stage_kernels() { shards 8 "*EveryKernel*:*EveryCudaKernel*:*EveryOp*:Products*:Attention*:Elementwise*:Rows*:Movement*"; }
stage_session() { "$bin/gpu_tests" --gtest_filter='*Session*:*Model*:*Golden*'; }
against_torch() { python3 "$root/tests/bench/gpu_against_torch.py" "$bin/bench_gpu" "$1" --json "$out/$1.jsonl"; }
stage_matmul() { against_torch matmul; }
stage_attention() { against_torch attention; against_torch decode_attention; }
stage_convolutions() { against_torch convolutions; }
stage_chains() { against_torch chains; }
stage_elementwise() { against_torch elementwise; }
stage_rows() { against_torch rows; }
model_of() { [ -e "/tmp/$1/config.json" ] || python3 "$root/tests/device/make_model.py" "$1" "/tmp/$1"; }
prompt_of() { python3 -c "print(','.join(str(i * 7919 % 30000) for i in range($1)))"; }
generate() { "$bin/paceline" generate "$@" --device cuda:0 --json | tr -d '\n ' | sed 's/"prompt":\[[^]]*\]/"prompt":[]/'; echo; }
stage_decode() {
  model_of qwen3-0.6b
  for length in 1024 4096; do generate /tmp/qwen3-0.6b --tokens "$(prompt_of $length)" --max-new 65 --store none; done
  python3 "$root/tests/device/torch_model.py" /tmp/qwen3-0.6b
  timeout 110 python3 "$root/tests/device/torch_model.py" /tmp/qwen3-0.6b --compile --prefill 1024
}
# measure_shape MODEL N past capacity
measure_shape() {
  "$bin/paceline" measure "$1" --device cuda:0 --form generate --bind B=1 --bind "N=$2" --bind "past=$3" --bind "capacity=$4" \
    --regime cold --sitting-seconds 0.1 --tolerance 2e-2 2>&1 | tail -3
}
# The shapes of a prompt and of a token behind it.
measure_shapes() { measure_shape "$1" 1 1024 1089 && measure_shape "$1" 1024 0 1089; }
# Measures these, then generates by what was found.
stage_tuned_decode() {
  model_of qwen3-0.6b
  export PACELINE_STORE=$out/h200.store
  measure_shapes /tmp/qwen3-0.6b
  generate /tmp/qwen3-0.6b --tokens "$(prompt_of 1024)" --max-new 65 --tolerance 2e-2
  generate /tmp/qwen3-0.6b --tokens "$(prompt_of 1024)" --max-new 65 --tolerance 2e-2 --no-search
  "$bin/bench_language_model" --folder /tmp/qwen3-0.6b --device cuda:0 --store "$PACELINE_STORE" --tolerance 2e-2 \
    --prompt 1024 --new 65 --search --profile 5
}
# A model of 7B: 14.5 GB on the disk of /tmp and on the GPU. The weights that a token reads, as a share of a copy's rate.
stage_decode7b() {
  model_of 7b || return 1
  export PACELINE_STORE=$out/h200_7b.store
  measure_shapes /tmp/7b
  "$bin/bench_language_model" --folder /tmp/7b --device cuda:0 --store "$PACELINE_STORE" --tolerance 2e-2 \
    --prompt 1024 --new 65 --search --profile 3
}
# Equivalent programs of a token's plan or of a prompt's, raced whole, cold: as generation asks for them.
race_shape() {
  timeout 150 "$bin/paceline" measure /tmp/qwen3-0.6b --device cuda:0 --form generate --bind B=1 --bind "$1" --bind "$2" \
    --bind capacity=1089 --regime cold --sitting-seconds 0.05 --tolerance 2e-2 --paths 4 --study-seconds 40 \
    --race-seconds 5 2>&1 | grep -v "^measured [0-9]*/" | tail -25
}
stage_raced_decode() {
  model_of qwen3-0.6b
  export PACELINE_STORE=$out/h200.store
  race_shape N=1 past=1024
  generate /tmp/qwen3-0.6b --tokens "$(prompt_of 1024)" --max-new 65 --tolerance 2e-2
}
# A prompt of 4096 by what was measured of it.
stage_prompt4096() {
  model_of qwen3-0.6b
  export PACELINE_STORE=$out/h200.store
  measure_shape /tmp/qwen3-0.6b 4096 0 4129
  measure_shape /tmp/qwen3-0.6b 1 4096 4129
  "$bin/bench_language_model" --folder /tmp/qwen3-0.6b --device cuda:0 --store "$PACELINE_STORE" --tolerance 2e-2 \
    --prompt 4096 --new 33 --search --profile 3
}
stage_raced_prompt() {
  model_of qwen3-0.6b
  export PACELINE_STORE=$out/h200.store
  race_shape N=1024 past=0
  "$bin/bench_language_model" --folder /tmp/qwen3-0.6b --device cuda:0 --store "$PACELINE_STORE" --tolerance 2e-2 \
    --prompt 1024 --new 65 --search --profile 5
}
# What the store sends to the CPU, to the GPU, and half to each.
stage_auto() { python3 "$root/tests/device/auto.py" "$bin/paceline"; }
# Out of memory, a busy GPU, a process that dies: what is said, and how soon.
stage_errors() { bash "$root/tests/device/errors.sh" "$bin"; }
# The chosen path against the best of 64 that were timed whole, on 20 graphs.
stage_regret() {
  "$bin/bench_regret" --models "$root/tests/data/models" --store "$out/regret.store" --device cuda:0 --sitting-seconds 0.03 \
    --candidates 8 --study-seconds 3 --race-seconds 1.5 --final-seconds 1.5 --seconds 380
}
# PyTorch in bfloat16 against what it gave in float: what an error of bf16 is worth.
stage_torch_bf16() { python3 "$root/tests/device/torch_bf16.py" "$root"/tests/data/models/*; }
# Products of a token, each alone and a model's layers in a row.
stage_decode_products() { "$bin/bench_decode_products"; }
# compute-sanitizer comes with the toolkit, often beside PATH. Libraries' kernels are not ours to check.
sanitize() {
  local tool=$1 filter=$2 sanitizer
  sanitizer=$(command -v compute-sanitizer || compgen -G '/usr/local/cuda*/bin/compute-sanitizer' | head -1)
  [ -n "$sanitizer" ] || { echo "no compute-sanitizer on PATH or in /usr/local/cuda*/bin"; return 1; }
  shards 14 "${FILTER:-$filter}" "$sanitizer" --tool "$tool" --error-exitcode 9
}
stage_memcheck() { sanitize memcheck '*EveryKernel*:*Streamed*:*NormProducts*OfAToken*:-*cublaslt*'; }
# Slower by far: one run of each sample.
stage_racecheck() { sanitize racecheck '*EveryKernel*AgreesWithTheReference*:-*cublaslt*'; }

limit_of() {
  case $1 in
    id | runtime) echo 60 ;;
    kernels) echo 240 ;;
    session) echo 180 ;;
    regret) echo 420 ;;
    *) echo 240 ;;
  esac
}

if [ $# = 0 ]; then
  echo "stages:" $(declare -F | sed -n 's/declare -f stage_//p')
  exit 2
fi
unpack
status=0
table=
for stage in "$@"; do
  if ! declare -F "stage_$stage" >/dev/null; then
    echo "run.sh: no such stage: $stage" >&2
    exit 2
  fi
  start=$(date +%s)
  # A shell of its own, so that the limit ends all that the stage started.
  export -f $(compgen -A function)
  export out bin place root
  timeout -k 5 "$(limit_of "$stage")" bash -c "stage_$stage" > "$out/$stage.log" 2>&1
  rc=$?
  [ $rc = 0 ] || status=1
  table+=$(printf '%-12s rc %3d  %4d s' "$stage" $rc $(($(date +%s) - start)))$'\n'
  echo "== $stage (rc $rc)"
  grep -v '^\[ *\(OK\|RUN\|----\)' "$out/$stage.log" | tail -"${TAIL:-25}" | cut -c1-220
done
printf '%s' "$table" | tee "$out/summary.txt"
exit $status
