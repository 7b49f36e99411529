"""Direct solves for the stream function: a factorisation, in band storage or by a library."""
