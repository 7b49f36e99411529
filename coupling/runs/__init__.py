"""Runs on disk: the directory, checkpoints, fields, series, going on and looking in."""
