# syntax=docker/dockerfile:1
# A plan that is served on a CPU. The context is a folder with the wheel of hpi-plan and a bundle (README.md).
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS builder
COPY *.whl /wheels/
COPY bundle.tar /
# The packages that the bundle was made with, by their hashes, and nothing else.
RUN tar -xf /bundle.tar -C /tmp requirements.txt
RUN python -m venv /opt/hpi
RUN /opt/hpi/bin/pip install --no-cache-dir --require-hashes --no-deps -r /tmp/requirements.txt
RUN /opt/hpi/bin/pip install --no-cache-dir --no-deps /wheels/*.whl
RUN /opt/hpi/bin/hpi-bundle unpack /bundle.tar /srv/plan
# What the bundle has prepared is used if this processor fits; else it is made here, once for all containers.
RUN /opt/hpi/bin/hpi-run /srv/plan --prepare-only
RUN chmod -R a+rX /srv/plan

FROM python:${PYTHON}-slim
COPY --from=builder /opt/hpi /opt/hpi
COPY --from=builder /srv/plan /srv/plan
ENV PATH=/opt/hpi/bin:${PATH} PYTHONUNBUFFERED=1 HPI_CACHE_DIR=/tmp/hpi HPI_SERVE_HOST=0.0.0.0 HPI_SERVE_REQUEST_SECONDS=60
# Nobody's user, who can write nothing but /tmp.
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/health', timeout=2)"]
ENTRYPOINT ["hpi-serve", "/srv/plan"]
