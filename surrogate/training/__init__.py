"""The training loop, whatever it trains."""
