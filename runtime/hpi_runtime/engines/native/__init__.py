"""What is shared with native libraries: the CUDA runtime, and the process's signal handlers."""
