"""``python -m hpi_runtime`` is ``hpi-run``."""

import sys

from hpi_runtime.cli import main

sys.exit(main())
