#!/bin/sh
# Builds the tests of the core with sanitizers and runs them: run_sanitizers.sh [BUILD DIRECTORY]
# Address and undefined together, then thread. Threads on one ring stand for processes, because
# sanitizers do not follow memory that is shared between processes.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=${1:-$here/../../build/sanitizers}
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1
for sanitizer in address,undefined thread; do
  cmake -S "$here/.." -B "$build/$sanitizer" -DCMAKE_BUILD_TYPE=RelWithDebInfo \
    -DMIMOCORB_CORE_TESTS=ON "-DMIMOCORB_SANITIZE=$sanitizer"
  cmake --build "$build/$sanitizer"
  ctest --test-dir "$build/$sanitizer" --output-on-failure
done
