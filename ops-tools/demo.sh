#!/usr/bin/env bash
# From nothing to a model that runs by what a fleet measured: installs what is missing, builds, starts a
# private fleet (PostgreSQL, a coordinator, two workers), measures a model, explains and runs it by the
# database, and shows how much faster than untuned it got. Safe to repeat; stops its fleet in the end.
#
#   bash ops-tools/demo.sh [MODEL]      default: tests/data/models/qwen3
#
# PACELINE_JOBS       how many compilers run at once (default: the cores)
# PACELINE_DEMO_DIR   where the fleet keeps its database (default: build/demo)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

model=${1:-tests/data/models/qwen3}
folder=${PACELINE_DEMO_DIR:-$PWD/build/demo}
jobs=${PACELINE_JOBS:-$(nproc)}
bindings=(--bind B=1 --bind N=128)

say() { printf '\n=== %s (%d s)\n' "$*" "$SECONDS"; }

paceline() { build/release/bin/paceline "$@"; }

stop_fleet() {
  say "stopping the fleet"
  paceline fleet down --folder "$folder"
}

bash ops-tools/setup.sh
say "building with $jobs jobs"
cmake --preset release >/dev/null
cmake --build --preset release --parallel "$jobs" --target paceline paceline-worker paceline-coordinator

say "starting a private fleet in $folder"
mkdir -p "$(dirname "$folder")"
trap stop_fleet EXIT
paceline fleet up --workers 2 --folder "$folder" | tee "$folder.up"
eval "$(grep -o 'export PACELINE_STORE=.*' "$folder.up")"

say "measuring $model"
paceline campaign submit "$model" --folder "$folder" "${bindings[@]}" --wait

say "what was learned"
paceline store query "select count(*) as measurements, count(distinct kernel) as kernels, \
count(distinct workload) as workloads from measurement"

say "what is chosen, and how sure that is"
paceline explain "$model" "${bindings[@]}"

say "running $model: by the database, untuned, and by plain kernels alone"
paceline run "$model" "${bindings[@]}" --random 1 --repeat 50 --compare
