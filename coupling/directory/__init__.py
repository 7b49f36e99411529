"""Run directories as files: claimed, written, read, and found whole or damaged."""
