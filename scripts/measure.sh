#!/bin/sh
# What the README and docs/benchmarking.md quote, measured anew on this machine: about three quarters
# of an hour on two quiet cores. Afterwards `tellus bench report` writes the tables.
#
#     sh scripts/measure.sh [RESULTS]
#
# Every part saves what it has, and can be run alone. The rollouts go on where they were stopped.
set -eu
cd "$(dirname "$0")/.."
tellus=.venv/bin/tellus
results=${1:-benchmarks/results}
grids=128x32,256x64,512x128,1024x256

export OMP_NUM_THREADS=1
$tellus bench stokes --solvers all --grid $grids --threads 1 --repeats 5 --out "$results"
$tellus bench pareto examples/pareto.toml --threads 1 --out runs/pareto
cp runs/pareto/pareto-*-1-thread.json runs/pareto/pareto-*-1-thread.png "$results"
$tellus bench apply --threads 1 --repeats 20 --out "$results"
$tellus bench step --grid 256x64,512x128 --threads 1 --out "$results" \
    --solvers direct,skip:10,lagged,refined,coarse:4,reduced:4,surrogate
$tellus bench energy --grid 256x64,512x128 --threads 1 --out "$results"

# Two threads: what a second one is worth to each solver.
unset OMP_NUM_THREADS
$tellus bench stokes --solvers all --grid 512x128 --threads 2 --repeats 5 --no-memory --out "$results"
$tellus bench apply --threads 2 --repeats 20 --out "$results"
