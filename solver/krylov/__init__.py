"""Conjugate gradients with a preconditioner that is kept over time steps."""
