#!/bin/bash
#
# Runs one file of the js-libp2p interop tests against a noisegate program. Leaves with 77, which
# ctest counts as skipped, where Node.js 20 or its packages cannot be had.
#
# usage: run.sh NOISEGATE FILE…
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

skip() {
  echo "SKIPPED: $1"
  exit 77
}

export NOISEGATE=$1
shift
for tool in node npm flock; do
  command -v "$tool" >/dev/null || skip "there is no $tool here"
done
major=$(node -p 'process.versions.node.split(".")[0]')
((major >= 20)) || skip "js-libp2p needs Node.js 20, this is $(node --version)"

# Once for all files, also where two start at the same time.
exec 9>node_modules.lock
flock 9
if ! cmp -s package-lock.json node_modules/.installed; then
  echo "installing js-libp2p…"
  timeout 300 npm ci --no-audit --no-fund --ignore-scripts --loglevel=error ||
    skip "npm could not install js-libp2p (no network?)"
  cp package-lock.json node_modules/.installed
fi
flock -u 9

exec node --test --test-reporter=spec --test-concurrency=1 --test-timeout=180000 "$@" </dev/null
