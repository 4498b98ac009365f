#!/usr/bin/env bash
# The check of includes finds what the map forbids, and nothing else.
set -euo pipefail

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/common/base" "$root/common/ops" "$root/scheduler"
printf 'common/base: \ncommon/ops: common/base\nscheduler: common/ops common/base\n' >"$root/map.txt"

check() {
  cmake -D ROOT="$root" -D MAP="$root/map.txt" \
    -P "$PACELINE_SOURCE_DIR/cmake/check_includes.cmake" >"$root/output" 2>&1
}

fail() {
  printf 'failed: %s\n' "$*"
  cat "$root/output"
  exit 1
}

printf '#include <vector>\n#include "common/ops/op.h"\n#include "scheduler/b.h"\n' >"$root/scheduler/a.cpp"
check || fail 'refused what is allowed'

printf '#include "common/ops/op.h"\n' >"$root/common/base/a.h"
! check || fail 'accepted an include that turns around'
grep -qF 'common/base/a.h includes common/ops/op.h' "$root/output" || fail 'not named'
rm "$root/common/base/a.h"

printf '  #  include <schema/wire/a.h>\n' >"$root/scheduler/a.cpp"
! check || fail 'accepted the schema in the scheduler'
printf 'passed\n'
