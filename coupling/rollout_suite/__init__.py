"""Many simulations, each rolled out with every solver and compared with the direct one."""
