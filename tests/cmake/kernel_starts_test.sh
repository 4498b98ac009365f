#!/usr/bin/env bash
# A kernel that start_kernel enqueues may begin before the one ahead of it is over. So each begins with
# wait_for_earlier(), behind calls of prefetch...(), what they fill (Prefetched) and declarations of
# shared memory alone, in every file that does not launch with <<<.
set -euo pipefail

# Names the kernels of FILE... that do not, and files that launch both ways.
check() {
  awk '
    function finish() {
      while (match(text, /__global__/)) {
        text = substr(text, RSTART + RLENGTH)
        heading = substr(text, 1, index(text, "{") - 1)
        text = substr(text, index(text, "{") + 1)
        body = text
        do {
          statement = substr(body, 1, index(body, ";") - 1)
          body = substr(body, index(body, ";") + 1)
          gsub(/^ +/, "", statement)
        } while (statement ~ /^(prefetch[a-z_]*(<[^;]*>)?\(|Prefetched<[^;]*> [a-z_]+$|constexpr |(extern )?__shared__ )/)
        if (statement != "wait_for_earlier()") print file ": " heading
      }
    }
    FNR == 1 { if (file != "" && (!old || named)) finish(); file = FILENAME; text = ""; old = new = named = 0 }
    { line = $0; sub(/\/\/.*/, "", line) }
    line ~ /<<<|cudaLaunchKernelEx/ { old = 1 }
    line ~ /ProgrammaticStreamSerialization|set_small_grid/ { named = 1 }
    line ~ /start_kernel\(/ { new = 1 }
    old && new { print FILENAME ": launches both ways"; new = 0 }
    { text = text " " line }
    END { if (file != "" && (!old || named)) finish() }
  ' "$@"
}

fail() {
  printf 'failed: %s\n' "$*"
  exit 1
}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

printf '__global__ void __launch_bounds__(8)\n    f(int a) {\n  // First.\n  wait_for_earlier();\n  g();\n}\n' >"$folder/a.cu"
[ -z "$(check "$folder/a.cu")" ] || fail 'refused what waits'
printf '__global__ void f() {\n  prefetch_rows<T, 4>(p,\n    q);\n  wait_for_earlier();\n}\nvoid l() { start_kernel(f); }\n' >"$folder/a.cu"
[ -z "$(check "$folder/a.cu")" ] || fail 'refused what fetches before it waits'
printf '__global__ void f() {\n  Prefetched<T, 4> rows;\n  prefetch_rows<T, 4>(p, rows);\n  wait_for_earlier();\n}\nvoid l() { start_kernel(f); }\n' >"$folder/a.cu"
[ -z "$(check "$folder/a.cu")" ] || fail 'refused what has a place for what it fetches'
printf '__global__ void f(int i) {\n  if (i > 0) return;\n  wait_for_earlier();\n}\n' >"$folder/b.cu"
check "$folder/a.cu" "$folder/b.cu" | grep -q 'b.cu: *void f(int i)' || fail 'accepted what returns before it waits'
printf '__global__ void f() { wait_for_earlier(); }\n__global__ void h() { g(); }\n' >"$folder/b.cu"
check "$folder/b.cu" | grep -q 'void h()' || fail 'accepted a second kernel that does not wait'
printf '__global__ void f() { g(); }\nvoid l() { f<<<1, 1>>>(); }\n' >"$folder/b.cu"
[ -z "$(check "$folder/b.cu")" ] || fail 'refused what is launched behind all else'
printf 'void l() { f<<<1, 1>>>(); start_kernel(h); }\n' >"$folder/b.cu"
check "$folder/b.cu" | grep -q 'both ways' || fail 'accepted two ways in one file'

device=$PACELINE_SOURCE_DIR/kernels/cuda/device
found=$(check "$device"/*.cu "$device"/*.cuh)
[ -z "$found" ] || fail "kernels that do not wait for what is ahead of them:
$found"
grep -q 'wait_for_earlier();' "$PACELINE_SOURCE_DIR/kernels/cuda/support/fused_text.cpp" ||
  fail 'generated kernels do not wait'
