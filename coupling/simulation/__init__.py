"""The loop of a simulation: time steps, limits, steady state, what it spent."""
