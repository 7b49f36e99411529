"""Every way to get a velocity by its name, and those that ask other solvers."""
