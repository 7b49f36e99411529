"""`tellus rollout-suite`: many simulations with many solvers, judged against the direct one."""
