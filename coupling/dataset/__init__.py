"""Data sets: which simulations, which of their moments, and how they lie on disk."""
