"""How commands end, and which of them go on where they were stopped."""

FAILED, BAD_INPUT, RESUMABLE = 1, 2, 3

RESUME = "--resume"

GO_ON = {
    "dataset": "the same command goes on",
    "experiments": "the same command goes on",
    "rollout-suite": "the same command goes on",
    "train": "the same command with --resume goes on",
    "unpack": "the same command goes on",
}
"""Commands whose unfinished work is kept, and how to go on with it. A new `tellus run` is not
among them: it handles signals itself, once there is something to resume."""
