# syntax=docker/dockerfile:1
# A plan that is served on an NVIDIA GPU. Not run on hardware here; the commands are those of cpu.Dockerfile.
# CUDA and cuDNN come as packages, by the lock: `hpi-doctor` names those that onnxruntime-gpu needs.
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
# No GPU is there while an image is built: engines of TensorRT are made by an init container, into a volume (kubernetes.yaml).
ENV PATH=/opt/hpi/bin:${PATH} PYTHONUNBUFFERED=1 HPI_CACHE_DIR=/cache HPI_SERVE_HOST=0.0.0.0 HPI_SERVE_REQUEST_SECONDS=60
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=120s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/health', timeout=2)"]
ENTRYPOINT ["hpi-serve", "/srv/plan"]
