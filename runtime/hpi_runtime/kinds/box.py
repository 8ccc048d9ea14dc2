"""box: where a thing is: left, top, right, bottom in pixels."""

from hpi_runtime.kinds.base import Kind

KIND = Kind()
