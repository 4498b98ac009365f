#!/usr/bin/env bash
# bundle_libraries.sh FOLDER LIBRARY...
#
# Copies into FOLDER/lib what the programs of FOLDER/bin load, directly or not, and the named libraries
# with what they load. glibc stays out: it belongs to the machine, with its loader.
set -euo pipefail

folder=$1
shift
lib=$folder/lib
mkdir -p "$lib"

of_glibc='^(ld-linux.*|libc|libm|libmvec|libpthread|libdl|librt|libresolv|libutil|libnsl|libanl|libnss_.*|libBrokenLocale|libthread_db|libc_malloc_debug)\.so'

refuse() {
  printf 'bundle: %s\n' "$*" >&2
  exit 1
}

command -v patchelf >/dev/null || refuse "patchelf is missing: bash ops-tools/setup.sh"

# Lines "NAME PATH" of what a file loads; ldd follows the libraries of libraries.
loads() {
  local text
  text=$(ldd "$1") || refuse "$1 is no dynamic program"
  ! grep -F 'not found' <<<"$text" >&2 || refuse "$1 lacks a library"
  awk '$2 == "=>" && $3 ~ "^/" { print $1, $3 }' <<<"$text"
}

take() {
  local name=$1 path=$2
  [[ ! $name =~ $of_glibc ]] || return 0
  [ ! -e "$lib/$name" ] || return 0
  cp -L "$path" "$lib/$name"
  chmod 755 "$lib/$name"
  # Each finds the others beside itself, wherever the folder stands.
  patchelf --set-rpath '$ORIGIN' "$lib/$name"
}

take_all_of() {
  local lines name path
  lines=$(loads "$1")
  while read -r name path; do
    [ -z "$name" ] || take "$name" "$path"
  done <<<"$lines"
}

path_of_library() {
  local path
  path=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p | awk -v name="$1" '$1 == name { print $NF; exit }')
  [ -n "$path" ] || refuse "no library $1"
  printf '%s' "$path"
}

rm -f "$lib"/*.so*
for program in "$folder"/bin/*; do
  take_all_of "$program"
done
for name in "$@"; do
  path=$(path_of_library "$name")
  take "$name" "$path"
  take_all_of "$path"
done
printf 'bundle: %d libraries, %s in all\n' "$(find "$lib" -name '*.so*' | wc -l)" \
  "$(du -sh "$folder" | cut -f1)"
