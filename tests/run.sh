#!/usr/bin/env bash
# Installs what is missing, builds, and runs all tests, the quick ones first. Safe to repeat.
#
#   bash tests/run.sh                 everything
#   bash tests/run.sh -L unit         arguments go to CTest: here, the unit tests only
#
# PACELINE_JOBS          how many compilers and tests run at once (default: the cores)
# PACELINE_SANITIZERS=1  then also the unit and simulation tests under the address, undefined and
#                        thread sanitizers, each a build of its own
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

jobs=${PACELINE_JOBS:-$(nproc)}

say() { printf '\n=== %s (%d s)\n' "$*" "$SECONDS"; }

build() {
  local preset=$1
  shift
  say "configuring $preset"
  cmake --preset "$preset" >"$(log_of "$preset")" 2>&1 ||
    { cat "$(log_of "$preset")"; return 1; }
  say "building $preset with $jobs jobs"
  cmake --build --preset "$preset" --parallel "$jobs" "$@"
}

log_of() {
  mkdir -p "build/$1"
  printf 'build/%s/configure.log' "$1"
}

bash ops-tools/setup.sh
build release
say "testing release"
ctest --preset release --parallel "$jobs" --no-tests=error "$@"

if [ "${PACELINE_SANITIZERS:-0}" = 1 ]; then
  for sanitizer in address undefined thread; do
    build "$sanitizer" --target quick_tests
    say "testing $sanitizer"
    ctest --preset "$sanitizer" --parallel "$jobs" --no-tests=error
  done
fi
