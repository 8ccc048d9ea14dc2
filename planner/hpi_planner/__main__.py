"""``python -m hpi_planner`` is ``hpi-plan``."""

import sys

from hpi_planner.cli import main

sys.exit(main())
