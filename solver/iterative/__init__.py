"""Iterative solves in torch: Krylov methods with a multigrid preconditioner, in batches."""
