"""Networks, one to a file; they know tensors and nothing of physics."""
