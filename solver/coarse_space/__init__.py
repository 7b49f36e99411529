"""Solves in fewer unknowns: on a coarser grid or in splines, as they are or refined."""
