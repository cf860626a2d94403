#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0

# Holds the sources to .clang-format, and what was changed to .clang-tidy.
#
# usage: scripts/check_style.sh                 every source has the form that clang-format gives it
#        scripts/check_style.sh --tidy [BASE]   clang-tidy over the .cc files that differ from BASE,
#                                               by the compile commands of build/dev
# BASE is where this branch left origin/main, or the commit before where it did not leave. Of more
# than ALTTEUL_TIDY_FILES files (30: some four minutes on two cores) those that changed most are
# looked at, and the others are named.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

if [[ "${1:-}" != --tidy ]]; then
  git ls-files -z '*.cc' '*.h' '*.inl' | xargs -0 clang-format-16 --dry-run -Werror
  exit 0
fi

base="${2:-}"
if [[ -z $base ]]; then
  base="$(git merge-base HEAD origin/main 2>/dev/null || true)"
  if [[ -z $base || $base == "$(git rev-parse HEAD)" ]]; then
    base="$(git rev-parse --verify --quiet HEAD~1 || true)"
  fi
fi
if [[ -z $base ]]; then
  echo "clang-tidy: there is no commit to compare with; nothing was looked at"
  exit 0
fi
# Tests are long lists of facts, which the limits on functions are not for.
# --no-renames: a file that moved is named where it is.
mapfile -t changed < <(
  git diff --numstat --no-renames --diff-filter=d "$base" -- 'src/*.cc' 'fuzz/*.cc' |
  grep -v '_test\.cc$' | sort --numeric-sort --reverse | cut -f3)
most="${ALTTEUL_TIDY_FILES:-30}"
echo "clang-tidy: ${#changed[@]} files differ from ${base:0:8}"
if [[ ${#changed[@]} -gt $most ]]; then
  echo "clang-tidy: not looked at, beyond $most: ${changed[*]:most}"
  changed=("${changed[@]:0:most}")
fi
if [[ ${#changed[@]} -gt 0 ]]; then
  printf '%s\0' "${changed[@]}" |
    xargs -0 -n 1 -P "$(nproc)" clang-tidy-16 --quiet -p build/dev 2>/dev/null
fi
