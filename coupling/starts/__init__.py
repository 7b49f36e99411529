"""The states that runs start from."""
