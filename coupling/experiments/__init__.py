"""Many trainings compared: train, evaluate, roll out, one table."""
