"""What each part costs: one module per question."""
