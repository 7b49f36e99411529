"""Steady profiles of temperature from three numbers, after Agarwal et al. (2024)."""
