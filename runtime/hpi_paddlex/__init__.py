"""PaddleX as the host of a plan: its own code runs a pipeline, and every model runs on the plan's engine."""
