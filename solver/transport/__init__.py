"""Transport of cell means at high order: what a polynomial makes of them, fluxes, bounds."""
