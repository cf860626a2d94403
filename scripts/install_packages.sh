#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0

# Installs the Debian packages of the groups given, and nothing when they are all there.
#
# usage: scripts/install_packages.sh [--list] GROUP...
#   build   what compiles the program          test    what compiles and runs the tests
#   models  what fetches the default model     bench   Google Benchmark
#   fuzz    clang with libFuzzer               style   clang-format and clang-tidy
#   neon    what cross-compiles the kernels for 64-bit Arm, and runs their tests
# --list prints the names of the missing packages and installs nothing.
set -euo pipefail

names_of() {
  case "$1" in
    build) echo g++ cmake ninja-build pkg-config libcli11-dev nlohmann-json3-dev libpcre2-dev \
                libutf8proc-dev libeigen3-dev libcurl4-openssl-dev libssl-dev ;;
    test) echo libgtest-dev python3 ocl-icd-opencl-dev pocl-opencl-icd ;;
    models) echo ca-certificates python3 python3-venv ;;
    bench) echo libbenchmark-dev ;;
    fuzz) echo clang-16 libclang-rt-16-dev ;;
    style) echo clang-format-16 clang-tidy-16 ;;
    neon) echo g++-aarch64-linux-gnu qemu-user googletest ;;
    *)
      echo "install_packages.sh: no group '$1'; these are: build test models bench fuzz style neon" >&2
      exit 2
      ;;
  esac
}

is_installed() {
  [[ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]
}

list_only=no
if [[ "${1:-}" == --list ]]; then
  list_only=yes
  shift
fi
if [[ $# -eq 0 ]]; then
  echo "usage: scripts/install_packages.sh [--list] GROUP..." >&2
  exit 2
fi

wanted=()
for group in "$@"; do
  names="$(names_of "$group")"
  # The list is split into words on purpose.
  # shellcheck disable=SC2206
  wanted+=($names)
done

if ! command -v dpkg-query >/dev/null; then
  echo "This is no Debian; what these packages hold must be there already: ${wanted[*]}" >&2
  exit 0
fi

missing=()
for name in "${wanted[@]}"; do
  is_installed "$name" || missing+=("$name")
done
if [[ $list_only == yes ]]; then
  echo "${missing[*]}"
  exit 0
fi
if [[ ${#missing[@]} -eq 0 ]]; then
  exit 0
fi

as_root=()
if [[ "$(id -u)" -ne 0 ]]; then
  # -n: a script that runs unwatched must not wait for a password.
  if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [[ -t 0 ]]; }; then
    as_root=(sudo)
  else
    echo "These Debian packages are missing, and installing them takes root:" >&2
    echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
fi

echo "Installing ${missing[*]}" >&2
log="$(mktemp)"
trap 'rm -f "$log"' EXIT
run_apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" \
    >>"$log" 2>&1
}
# Lists on the machine may be absent or old: fetch them only when the first try fails.
if ! run_apt install -y --no-install-recommends "${missing[@]}"; then
  if ! { run_apt update && run_apt install -y --no-install-recommends "${missing[@]}"; }; then
    tail -n 20 "$log" >&2
    echo "Could not install: ${missing[*]}" >&2
    exit 1
  fi
fi
