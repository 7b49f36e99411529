"""`tellus compare`: recorded runs beside a reference, in numbers, in figures, on one page."""
