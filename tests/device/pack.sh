#!/usr/bin/env bash
# pack.sh BUILD_FOLDER OUTPUT.tar.xz
#
# Programs, GPU tests and benchmark of a build, stripped, with lib/libpaceline_cuda.so and the shared libraries that
# they load but glibc's: what run.sh unpacks on a machine without a compiler.
set -euo pipefail

[ $# = 2 ] || { echo "usage: pack.sh BUILD_FOLDER OUTPUT.tar.xz" >&2; exit 2; }
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$1
output=$2
limit=$((38 << 20))  # What is sent beside it is tests and their data.

refuse() { printf 'pack: %s\n' "$*" >&2; exit 1; }

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
mkdir -p "$stage/bin" "$stage/lib"
[ -e "$build/lib/libpaceline_cuda.so" ] || refuse "$build has no CUDA module: it was built without nvcc"
for program in paceline paceline-worker gpu_tests bench_gpu bench_language_model bench_regret bench_decode_products; do
  [ -e "$build/bin/$program" ] || [[ $program == bench_* ]] || refuse "$build/bin lacks $program: build it first"
  [ ! -e "$build/bin/$program" ] || strip -o "$stage/bin/$program" "$build/bin/$program"
done
bash "$root/cmake/bundle_libraries.sh" "$stage"
strip -o "$stage/lib/libpaceline_cuda.so" "$build/lib/libpaceline_cuda.so"
for program in "$stage"/bin/* "$stage/lib/libpaceline_cuda.so"; do
  patchelf --set-rpath '$ORIGIN/../lib' "$program"
done
printf '%s\n' "$root" > "$stage/source_folder"
mkdir -p "$(dirname "$output")"
tar -C "$stage" -c bin lib source_folder | xz --lzma2=preset=3,dict=256MiB > "$output"  # Programs repeat each other.
bytes=$(stat -c %s "$output")
[ "$bytes" -le "$limit" ] || refuse "$output has $bytes bytes, above $limit"
echo "pack: $output, $((bytes >> 20)) MiB"
