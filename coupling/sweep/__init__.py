"""`tellus sweep`: one configuration run at many values of some of its settings."""
