#!/bin/sh
# PETSc with MUMPS for the virtual environment named by the first argument: on Debian and Ubuntu
# the system's packages, installed by apt if they are missing, and the petsc4py that goes with
# them. With PETSC_DIR set (and PETSC_ARCH, where it has one) that PETSc is used and apt left alone.
# Called by `make petsc`, and by nothing else.
set -eu
venv=$1
export PIP_DISABLE_PIP_VERSION_CHECK=1

# OpenBLAS, because the reference BLAS that PETSc's package would bring is many times slower.
packages="libpetsc-real-dev libopenblas0-pthread"

fail() {
    echo "tellus: $*" >&2
    exit 1
}

missing_packages() {
    for package in $packages; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            echo "$package"
    done
}

apt_install() {
    as_root=
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null ||
            fail "root has to run: apt-get install --no-install-recommends $*; then make petsc again."
        as_root=sudo
    fi
    echo "tellus: ${as_root:+sudo }apt-get install $* (PETSc, MUMPS, Open MPI, OpenBLAS: some 130" \
        "packages, 360 MB on disk)"
    $as_root apt-get update -qq
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq -y --no-install-recommends "$@" >/dev/null
}

# Of PETSc's header; petsc4py builds against this release only.
petsc_version() {
    sed -n 's/^#define PETSC_VERSION_\(MAJOR\|MINOR\|SUBMINOR\) *\([0-9]*\)$/\2/p' \
        "$PETSC_DIR/include/petscversion.h" | paste -sd. -
}

if [ -z "${PETSC_DIR:-}" ]; then
    command -v apt-get >/dev/null && command -v dpkg-query >/dev/null ||
        fail "make petsc is for Debian and Ubuntu; elsewhere conda install -c conda-forge petsc4py," \
            "or pip install petsc petsc4py with" \
            "PETSC_CONFIGURE_OPTIONS='--with-debugging=0 --download-mumps --download-scalapack" \
            "--download-metis --download-parmetis', or name a PETSc that has MUMPS with" \
            "PETSC_DIR=/path/to/petsc make petsc."
    # shellcheck disable=SC2046
    [ -z "$(missing_packages)" ] || apt_install $(missing_packages)
    PETSC_DIR=/usr/lib/petsc
fi
export PETSC_DIR
[ -f "$PETSC_DIR/include/petscversion.h" ] ||
    fail "PETSC_DIR=$PETSC_DIR is no installed PETSc: it has no include/petscversion.h."

version=$(petsc_version)
if [ "$("$venv/bin/python" -m pip list --format=freeze | sed -n 's/^petsc4py==//p')" != "$version" ]
then
    # The tools for building lie in a folder of their own: PyTorch needs newer ones in the
    # environment than petsc4py before 3.20 can be built with.
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    case $version in
        3.1[0-9].*) tools="setuptools<81 cython<3 wheel" ;;
        *) tools="setuptools cython>=3 wheel" ;;
    esac
    echo "tellus: building petsc4py $version for $PETSC_DIR; this takes some minutes"
    # shellcheck disable=SC2086
    "$venv/bin/python" -m pip install -q --no-warn-conflicts --target "$scratch/tools" $tools
    # It only hands calls on, so optimising it would be a waste of minutes.
    CFLAGS="-O0 -g0" PYTHONPATH="$scratch/tools" "$venv/bin/python" -m pip wheel -q --no-deps \
        --no-build-isolation --no-cache-dir --no-binary petsc4py -w "$scratch" \
        "petsc4py==$version" || fail "petsc4py $version did not build with" \
        "$("$venv/bin/python" --version); the Python of the distribution is the one it was made for."
    "$venv/bin/python" -m pip install -q --no-deps --force-reinstall "$scratch"/petsc4py-*.whl
fi

"$venv/bin/python" -c 'from tellus.solver.grid import Grid
from tellus.solver.mumps.solver import MumpsSolver
MumpsSolver(Grid(8, 8))' || fail "PETSc $version is installed, and its MUMPS does not work."
echo "tellus: PETSc $version with MUMPS is ready: tellus run CONFIG.toml --stokes mumps"
