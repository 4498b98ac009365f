#!/usr/bin/env bash
# SQL reaches the program byte for byte, and a gap in the numbers stops the build.
set -euo pipefail

tool=$PACELINE_BUILD_DIR/build_tools/write_embedded_steps
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/sqlite"

fail() {
  printf 'failed: %s\n' "$*"
  exit 1
}

printf 'select "a\\n", %s;\n-- ü ??/ )"\n' "'q'" >"$root/sqlite/0001_create_a.sql"
"$tool" "$root/out.cpp" "$root/sqlite/0001_create_a.sql"
cat >"$root/main.cpp" <<'EOF'
#include <iostream>
#include "common/store/embedded_steps.h"
int main() {
  for (const auto& step : paceline::store::embedded_steps()) std::cout << step.sql;
}
EOF
"${CXX:-c++}" -std=c++20 -I"$PACELINE_SOURCE_DIR" "$root/main.cpp" "$root/out.cpp" -o "$root/main"
"$root/main" | cmp - "$root/sqlite/0001_create_a.sql" || fail 'the bytes differ'

cp "$root/sqlite/0001_create_a.sql" "$root/sqlite/0003_add_b.sql"
! "$tool" "$root/out.cpp" "$root"/sqlite/*.sql 2>"$root/errors" || fail 'a gap was accepted'
grep -q 'step 2 is missing' "$root/errors" || fail "not the reason: $(cat "$root/errors")"

cp "$root/sqlite/0001_create_a.sql" "$root/sqlite/create_c.sql"
! "$tool" "$root/out.cpp" "$root/sqlite/create_c.sql" 2>"$root/errors" || fail 'no number was accepted'
printf 'passed\n'
