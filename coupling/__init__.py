"""The time loop, every way to get a velocity, and the comparison of runs."""
