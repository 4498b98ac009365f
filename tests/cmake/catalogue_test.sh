#!/usr/bin/env bash
# What the build lists from a folder of ops or kernels, and what it refuses.
set -euo pipefail

tool=$PACELINE_BUILD_DIR/build_tools/write_catalogue
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/common/ops" "$root/kernels/cpu"

fail() {
  printf 'failed: %s\n' "$*"
  exit 1
}

expect() { grep -qF -- "$1" "$root/out.cpp" || { cat "$root/out.cpp"; fail "nothing reads: $1"; }; }

list() {
  local kind=$1
  shift
  "$tool" "$kind" "$root/out.cpp" "$root" 'compiler 1' "$@"
}

refuses() {
  local reason=$1
  shift
  ! list "$@" 2>"$root/errors" || fail "accepted: $*"
  grep -qF -- "$reason" "$root/errors" || { cat "$root/errors"; fail "not the reason: $reason"; }
}

echo 'Op relu() { return {}; }' >"$root/common/ops/relu.cpp"
echo 'Op add() { return {}; }' >"$root/common/ops/add.cpp"
list ops common/ops/relu.cpp common/ops/add.cpp
expect 'Op relu();'
expect 'add_named(all, relu(), "relu");'
grep -n add_named "$root/out.cpp" | grep -oE 'add\(\)|relu\(\)' | paste -sd' ' |
  grep -qx 'add() relu()' || fail 'the order is not that of the names'

before=$(stat -c %Y%y "$root/out.cpp")
sleep 0.01
list ops common/ops/relu.cpp common/ops/add.cpp
[ "$before" = "$(stat -c %Y%y "$root/out.cpp")" ] || fail 'an unchanged list was written again'

echo 'Kernel add_plain() { return {}; }' >"$root/kernels/cpu/add_plain.cpp"
echo 'std::vector<Kernel> matmul_blas() { return {}; }' >"$root/kernels/cpu/matmul_blas.cpp"
list kernels kernels/cpu/add_plain.cpp kernels/cpu/matmul_blas.cpp
expect 'Kernel add_plain();'
expect 'std::vector<Kernel> matmul_blas();'
grep -qE 'cpu::add_plain\(\), "add_plain", "[0-9a-f]{32}"' "$root/out.cpp" || fail 'no digest'

echo '// Kernel wrong() {}' >"$root/kernels/cpu/wrong.cpp"
refuses 'must define `Kernel wrong()`' kernels kernels/cpu/wrong.cpp
refuses 'cannot read' kernels kernels/cpu/absent.cpp
mkdir -p "$root/kernels/cuda"
cp "$root/kernels/cpu/add_plain.cpp" "$root/kernels/cuda/add_plain.cu"
refuses 'two files are named add_plain' kernels kernels/cpu/add_plain.cpp kernels/cuda/add_plain.cu
printf 'passed\n'
