#!/usr/bin/env bash
# Builds the page into api/page, from the exact versions of package-lock.json: the same sources give the same bytes.
#   build.sh          types, unit tests, build
#   build.sh --check  the same, and fails if the page that is committed is another one
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
cd "$(dirname "${BASH_SOURCE[0]}")"

npm ci --silent --ignore-scripts --no-audit --no-fund
npx --no-install tsc --noEmit
npx --no-install vitest run
npx --no-install vite build --logLevel warn

if [ "${1:-}" = "--check" ]; then
  changed="$(git -C .. status --porcelain -- api/page)"
  if [ -n "$changed" ]; then
    printf 'api/page is not what dashboard/ makes: run dashboard/build.sh and commit\n%s\n' "$changed" >&2
    exit 1
  fi
fi
