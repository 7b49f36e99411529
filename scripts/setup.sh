#!/bin/sh
# Create the virtual environment named by the first argument, or bring it up to date: the pinned
# packages of constraints.txt, and Tellus itself, editable, with the extras that the second names.
# Called by the Makefile, in its folder.
set -eu
venv=$1
extras=$2
export PIP_DISABLE_PIP_VERSION_CHECK=1

fail() {
    echo "tellus: $*" >&2
    exit 1
}

# Run it rather than look for its name: a version manager's shim may lie on PATH for a Python that
# is not installed.
new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
        if new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    fail "Python 3.11 or newer is needed${PYTHON:+, and $PYTHON is not}; install it (Debian and" \
        "Ubuntu: sudo apt install python3 python3-venv python3-dev; macOS: brew install" \
        "python@3.13), or name one with PYTHON=/path/to/python."
}

find_compiler() {
    for candidate in ${CXX:-c++ g++ clang++}; do
        if echo '#include <vector>' | "$candidate" -std=c++17 -x c++ -fsyntax-only - 2>/dev/null; then
            return
        fi
    done
    fail "a C++17 compiler is needed${CXX:+, and CXX=$CXX is not one}; install one (Debian and" \
        "Ubuntu: sudo apt install g++; Fedora: sudo dnf install gcc-c++; macOS: xcode-select" \
        "--install)."
}

[ -d src/tellus/solver/ ] ||
    fail "src/tellus/solver is not a link to a folder; clone again where Git keeps symbolic links" \
        "(on Windows: WSL, or git clone -c core.symlinks=true)."
find_compiler

if ! new_enough "$venv/bin/python"; then
    python=$(find_python)
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$python has no venv module; install it (Debian and Ubuntu: sudo apt install" \
            "python3-venv), or name another with PYTHON=/path/to/python."
    echo "tellus: setting up $venv with $("$python" --version); this takes a few minutes, most of" \
        "it PyTorch's download."
    "$python" -m venv --clear "$venv"
fi
"$venv/bin/python" -c 'import os, sys, sysconfig as s
sys.exit(not os.path.exists(os.path.join(s.get_path("include"), "Python.h")))' ||
    fail "the headers of $("$venv/bin/python" --version) are needed; install them (Debian and" \
        "Ubuntu: sudo apt install python3-dev; Fedora: sudo dnf install python3-devel)."

# The build tools go into the environment and the build uses them there: isolated, it would fetch
# them anew at every rebuild.
echo "tellus: installing by constraints.txt"
"$venv/bin/python" -m pip install -q -c constraints.txt scikit-build-core pybind11 cmake ninja
"$venv/bin/python" -m pip install -q -c constraints.txt --no-build-isolation -e ".[$extras]"
