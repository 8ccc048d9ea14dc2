"""An imitation of S3 on this machine, by moto, which is kept by those who test with it."""

from __future__ import annotations

import logging
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

BUCKET = "pages"
_KEY = "imitated"


@contextmanager
def imitated_s3() -> Iterator[dict[str, str]]:
    """Serve an empty store with one bucket; give the environment in which programs find it."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        environment = {
            "AWS_ACCESS_KEY_ID": _KEY,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_SECRET_ACCESS_KEY": _KEY,
        }
        # Its stores outlive its servers: others in this process may have filled them.
        urllib.request.urlopen(urllib.request.Request(f"http://{host}:{port}/moto-api/reset", method="POST")).close()
        client(environment).create_bucket(Bucket=BUCKET)
        yield environment
    finally:
        server.stop()


def client(environment: Mapping[str, str]) -> Any:
    """Return what speaks with it."""
    import boto3

    return boto3.client(
        "s3",
        aws_access_key_id=_KEY,
        aws_secret_access_key=_KEY,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_DEFAULT_REGION"],
    )


def fill(environment: Mapping[str, str], objects: Mapping[str, bytes]) -> None:
    """Put objects into the bucket, by their keys."""
    for key, data in objects.items():
        client(environment).put_object(Bucket=BUCKET, Key=key, Body=data)
