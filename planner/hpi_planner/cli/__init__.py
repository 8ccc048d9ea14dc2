"""The planner's commands: options to calls, and nothing else."""
