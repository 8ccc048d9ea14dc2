"""The runner's commands: options to calls, and nothing else."""
