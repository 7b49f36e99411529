"""The system A psi = b of the stream function: its operator, as a matrix and without one."""
