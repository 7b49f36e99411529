"""MUMPS through PETSc, on one process or many: u, v and p together, or the stream function."""
