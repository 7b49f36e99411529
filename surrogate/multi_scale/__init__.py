"""The surrogate of Agarwal et al. (2025): what it sees, answers and is trained for."""
