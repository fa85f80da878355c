#!/bin/sh
# Line and branch coverage of the core by its own tests: run_coverage.sh [BUILD DIRECTORY]
# Needs gcovr (from the package index). Kill tests are left out: who is killed writes no counts.
set -eu
core=$(cd "$(dirname "$0")/.." && pwd)
build=${1:-$core/../build/coverage}
cmake -S "$core" -B "$build" -DCMAKE_BUILD_TYPE=Debug -DMIMOCORB_CORE_TESTS=ON \
  "-DCMAKE_CXX_FLAGS=--coverage -fprofile-update=atomic"
cmake --build "$build"
find "$build" -name '*.gcda' -delete
ctest --test-dir "$build" --output-on-failure --exclude-regex kill
for metric in line branch; do
  gcovr --root "$core" --filter "$core/src/" --filter "$core/include/" --exclude '.*pulse.*' \
    --exclude-throw-branches --exclude-unreachable-branches --txt-metric "$metric" "$build"
done
