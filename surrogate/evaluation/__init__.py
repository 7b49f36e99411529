"""A-priori evaluation: velocities against direct solutions, snapshot by snapshot."""
