# syntax=docker/dockerfile:1
# A plan that PaddleX runs (hpi-plan --host paddlex), over PaddleX's own server with the plan's engines.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS builder
COPY *.whl /wheels/
COPY bundle.tar /
RUN tar -xf /bundle.tar -C /tmp requirements.txt
RUN python -m venv /opt/hpi
RUN /opt/hpi/bin/pip install --no-cache-dir --require-hashes --no-deps -r /tmp/requirements.txt
RUN /opt/hpi/bin/pip install --no-cache-dir --no-deps /wheels/*.whl
RUN /opt/hpi/bin/hpi-bundle unpack /bundle.tar /srv/plan
RUN chmod -R a+rX /srv/plan

FROM python:${PYTHON}-slim
COPY --from=builder /opt/hpi /opt/hpi
COPY --from=builder /srv/plan /srv/plan
COPY pipeline.yaml /srv/
ENV PATH=/opt/hpi/bin:${PATH} PYTHONUNBUFFERED=1 HPI_CACHE_DIR=/tmp/hpi PADDLE_PDX_CACHE_HOME=/tmp/paddlex HPI_PLAN=/srv/plan
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/health', timeout=2)"]
ENTRYPOINT ["python", "-m", "hpi_paddlex", "paddlex", "--serve", "--pipeline", "/srv/pipeline.yaml", "--use_hpip", "--port", "8080"]
