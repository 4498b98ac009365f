#!/usr/bin/env bash
# A bundle runs after it was moved, without any library of the machine but glibc's.
set -euo pipefail

skip() {
  printf 'skipped: %s\n' "$*"
  exit 77
}

[ -x "$PACELINE_BIN_DIR/paceline" ] || skip "the program paceline is not built"
command -v patchelf >/dev/null || skip "patchelf is missing"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cmake --install "$PACELINE_BUILD_DIR" --prefix "$folder/first" >"$folder/install.log" ||
  { cat "$folder/install.log"; exit 1; }
bash "$PACELINE_SOURCE_DIR/cmake/bundle_libraries.sh" "$folder/first" libopenblas.so.0
mv "$folder/first" "$folder/second"
bundle=$folder/second

for program in "$bundle"/bin/*; do
  outside=$(ldd "$program" | awk '$2 == "=>" { print $1, $3 }' | grep -vF "$bundle/" |
    grep -vE '^(libc|libm|libmvec|libpthread|libdl|librt|libresolv)\.so' || true)
  [ -z "$outside" ] || { printf '%s loads from outside:\n%s\n' "$program" "$outside"; exit 1; }
done

env -i "$bundle/bin/paceline" --version

# As root, nothing but the bundle and glibc is there at all.
if [ "$(id -u)" -ne 0 ] || ! chroot / true 2>/dev/null; then
  printf 'no root: the empty root was not tried\n'
  exit 0
fi
root=$folder/root
mkdir -p "$root"
mv "$bundle" "$root/paceline"
ldd "$root/paceline/bin/paceline" | grep -oE '/[^ ]+' | grep -vF "$root/paceline" |
  while read -r file; do
    mkdir -p "$root$(dirname "$file")"
    cp -L "$file" "$root$file"
  done
# Without /proc the loader cannot ask where the program stands, so it is told.
env -i LD_ORIGIN_PATH=/paceline/bin "$(command -v chroot)" "$root" /paceline/bin/paceline --version
