#!/usr/bin/env bash
# Installs the packages that building, testing and running Paceline need, on Debian 12 or Ubuntu 24.04.
# Changes nothing, and needs no root, when they are there already.
#
#   bash ops-tools/setup.sh           installs what is missing
#   bash ops-tools/setup.sh --check   only says what is missing; exit status 1 if anything is
set -euo pipefail

packages=(
  build-essential cmake ninja-build ccache mold pkg-config patchelf
  libfmt-dev libspdlog-dev libtomlplusplus-dev libcli11-dev nlohmann-json3-dev libsodium-dev
  postgresql libpq-dev libpqxx-dev libsqlite3-dev
  libzmq3-dev cppzmq-dev capnproto libcapnp-dev libcpp-httplib-dev
  libtbb-dev libhwloc-dev libhwy-dev libopenblas-pthread-dev libdnnl-dev ocl-icd-opencl-dev
  libgtest-dev libgmock-dev libbenchmark-dev libonnx-testdata
)
# Installed where there are packages of this name; without them some kernels are left out.
optional=(llvm-19-dev)

say() { printf 'setup: %s\n' "$*" >&2; }

# A package for several architectures prints a line for each.
is_installed() {
  dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

missing_packages() {
  local package
  for package in "${packages[@]}"; do
    is_installed "$package" || printf '%s\n' "$package"
  done
}

# Runs a command as root, by whichever way there is.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    sudo "$@"
  fi
}

refuse() {
  say "$1"
  say "missing: ${missing[*]}"
  say "as root: apt-get update && apt-get install ${missing[*]}"
  exit 1
}

if ! command -v dpkg-query >/dev/null; then
  say "this is neither Debian nor Ubuntu: install the counterparts of: ${packages[*]}"
  exit 1
fi

# shellcheck disable=SC2207  # Names of packages have no spaces.
missing=($(missing_packages))
if [ "${#missing[@]}" -eq 0 ]; then
  say "all ${#packages[@]} packages are installed; nothing to do"
  exit 0
fi
if [ "${1:-}" = --check ]; then
  refuse "${#missing[@]} of ${#packages[@]} packages are missing"
fi
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || refuse "packages are missing, and this is neither root nor is there sudo"
  # Asks for a password only where someone can type one.
  [ -t 0 ] || sudo -n true 2>/dev/null || refuse "packages are missing, and sudo wants a password"
fi

say "installing ${#missing[@]} packages: ${missing[*]}"
# Old lists may still name what is wanted, so only the installation decides.
as_root apt-get -q update || say "the package lists could not be refreshed; trying with those at hand"
as_root env DEBIAN_FRONTEND=noninteractive \
  apt-get -q install -y --no-install-recommends "${missing[@]}" ||
  refuse "apt-get failed (its message stands above; without a network, install the packages by other means)"

for package in "${optional[@]}"; do
  is_installed "$package" || ! apt-cache show "$package" >/dev/null 2>&1 ||
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "$package" ||
    say "$package could not be installed; going on without"
done

# shellcheck disable=SC2207  # Names of packages have no spaces.
missing=($(missing_packages))
[ "${#missing[@]}" -eq 0 ] || refuse "apt-get ended well, yet packages are missing"
say "done"
