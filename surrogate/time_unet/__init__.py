"""A U-net that steps in time without a solver, the baseline of Agarwal et al. (2025)."""
