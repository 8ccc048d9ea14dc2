"""One file per pass of the compiler; ``hpi_planner.compile`` names them in order."""
