"""Fewer unknowns by cubic splines: a solver, and a preconditioner."""
