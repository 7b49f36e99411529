"""A run: begun, gone on with, its time loop, what it came to; what a path holds, in a few lines."""
