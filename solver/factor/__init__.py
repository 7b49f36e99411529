"""Factors of the stream-function operator: in band storage, or by a library."""
