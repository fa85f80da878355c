#!/bin/sh
# Is everything on this machine that building mimocorb needs?
#
#   tools/machine.sh              silent when all is there; else says what to install, and fails
#   tools/machine.sh --packages   prints the missing Debian/Ubuntu packages, one a line
#
# PYTHON and CXX choose the interpreter and the compiler, as in the Makefile.
set -u

python=${PYTHON:-python3}
compiler=${CXX:-g++}
packages=""
reasons=""

# Debian splits Python: packages of a version that is not the default carry it in their names.
case $(basename "$python") in
    python3.[0-9]*) stem=$(basename "$python") ;;
    *) stem=python3 ;;
esac

missing() { # missing PACKAGE REASON
    packages="$packages $1"
    reasons="$reasons
  $1: $2"
}

if ! command -v "$python" >/dev/null 2>&1; then
    missing "$stem" "there is no '$python'"
    missing "$stem-venv" "it makes the environment of this checkout"
    missing "$stem-dev" "the header files for the native core"
elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    found=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    missing python3.11-venv "'$python' is Python $found; 3.11 or newer is needed, then: make PYTHON=python3.11 ..."
    missing python3.11-dev "the header files of that Python"
else
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        missing "$stem-venv" "'$python' cannot make virtual environments"
    "$python" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")))' ||
        missing "$stem-dev" "the header file Python.h of '$python' is not there"
fi

if ! command -v "$compiler" >/dev/null 2>&1; then
    missing g++ "there is no C++ compiler '$compiler'"
elif ! echo 'int main() {}' | "$compiler" -std=c++20 -x c++ -fsyntax-only - 2>/dev/null; then
    missing g++ "'$compiler' does not know C++20; version 11 or newer does"
fi

command -v make >/dev/null 2>&1 || missing make "there is no 'make'"

if [ "${1:-}" = "--packages" ]; then
    for package in $packages; do echo "$package"; done
    exit 0
fi
if [ -n "$packages" ]; then
    echo "mimocorb cannot be built on this machine yet. Missing:$reasons" >&2
    echo "On Debian or Ubuntu:  sudo apt-get install$packages" >&2
    exit 1
fi
