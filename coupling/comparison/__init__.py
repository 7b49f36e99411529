"""Runs beside a reference run: differences, figures and the report."""
