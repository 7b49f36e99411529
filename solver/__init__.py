"""The physics: grid, rheology, the Stokes operator and its direct solve, energy, diagnostics."""
