"""Numbers that configurations and trainings share with the classes of the solver.

Nothing is imported here, so that a configuration is read without NumPy.
"""

GAMMA_T, GAMMA_P = 1e7, 10.0
"""Viscosity contrasts of the Frank-Kamenetskii law, due to temperature and to pressure."""

ACTIVATION_VOLUME = 0.0
"""V of the Arrhenius law: the viscosity depends on temperature alone."""

ETA_STAR = 1e-3
"""Plastic viscosity at infinite stress."""

PICARD_TOLERANCE, PICARD_LIMIT = 1e-4, 50
"""Relative change of psi at which a Picard iteration stops, and its most solves."""

INTERIOR, THICKNESS = 0.75, 0.05
"""T between the boundary layers of a linear start, and how thick each of them is."""

QUIET_VRMS = 1.0
"""A flow with a slower rms velocity moves no heat to speak of: nothing is judged relative to it."""
