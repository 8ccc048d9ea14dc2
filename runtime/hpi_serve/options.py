"""What a server is told besides its plans."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from hpi_runtime.inputs.limits import Limits

# What a service may be asked to read: by people whom nobody knows, and all pages of a document are held until the last
# is done. So less than what hpi-run reads: 500 pages of A4 as PaddleX draws them have 2³⁰ pixels, which take 3 GiB.
LIMITS = Limits(
    bytes=64 << 20, pixels=1 << 26, pages=500, document_pixels=1 << 30, private_urls=False, url_seconds=60.0
)


@dataclass(frozen=True)
class Options:
    """How requests are answered.

    Attributes:
        limits: what each input may cost.
        body_bytes: of a request.
        workers: requests of a plan that run at a time; None is one more than its engines have streams, so that one is
            made ready while others run.
        waiting: requests that may be under way in all; more are answered with 503.
        seconds: that a request may take, from its first byte to its answer.
        token: that requests must bring; empty asks for none.
        drain_seconds: between not being ready any more and taking no more connections.
        strict: refuse other versions of the backends than a plan's, and fallbacks.
        root: where relative model folders start; None is beside a plan's YAML.
        models: folders with official models.
        shadow: a plan through which a share of the requests of the first plan runs too.
        shadow_share: from 0 to 1.
        grpc: host and port where the Open Inference Protocol is answered by gRPC too; None answers it by HTTP alone.
    """

    limits: Limits = LIMITS
    body_bytes: int = 64 << 20
    workers: int | None = None
    waiting: int = 64
    seconds: float = 300.0
    token: str = field(default="", repr=False)
    drain_seconds: float = 5.0
    strict: bool = False
    root: Path | None = None
    models: tuple[Path, ...] = ()
    shadow: Path | None = None
    shadow_share: float = 0.1
    grpc: tuple[str, int] | None = None
