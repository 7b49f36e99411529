"""The two-level surrogate: a cheap base solution, corrected by a network."""
