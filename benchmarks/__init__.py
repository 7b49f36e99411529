"""What each part costs: one module per question, `main(...) -> dict` and a table of it."""
