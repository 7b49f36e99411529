"""What coarse cells lose, learned from fine runs as they would see them."""
