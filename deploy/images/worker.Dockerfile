# A worker: the queue's side of an engine, without any web framework. From the repository's root:
#   docker buildx build -f deploy/images/worker.Dockerfile --build-arg PYTHON_IMAGE=… --tag sluice-worker .
# With --build-arg LLAMA_CPP=1 it can run a GGUF file itself, and needs no engine beside it.
ARG PYTHON_IMAGE=python:3.12-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
COPY deploy/images/build.lock deploy/images/worker.lock deploy/images/llama-cpp.lock locks/
ARG LLAMA_CPP=0
# Every package by its hash, and wheels only: nothing that is fetched runs while it is installed.
RUN --mount=type=cache,target=/root/.cache/pip,sharing=locked \
    python -m pip install --quiet --root-user-action=ignore --only-binary=:all: --require-hashes -r locks/build.lock \
    && python -m venv --without-pip /opt/sluice \
    && python -m pip --python /opt/sluice/bin/python install --quiet --only-binary=:all: --require-hashes -r locks/worker.lock
RUN --mount=type=cache,target=/root/.cache/pip,sharing=locked \
    test "${LLAMA_CPP}" = 0 \
    || python -m pip --python /opt/sluice/bin/python install --quiet --only-binary=:all: --require-hashes -r locks/llama-cpp.lock
# Last, since it changes most. Without the API's sources, so what changes there makes no new worker.
COPY pyproject.toml README.md LICENSE ./
COPY .ci/page_in_wheel.py .ci/
COPY wire wire
COPY ollama_worker ollama_worker
RUN python -m hatchling build -t wheel \
    && python -m pip --python /opt/sluice/bin/python install --quiet --no-index --no-deps dist/*.whl

FROM ${PYTHON_IMAGE}
# A first process that hears every signal: the kernel drops one for which Python has no handler yet.
RUN apt-get update && apt-get install -y --no-install-recommends tini && rm -rf /var/lib/apt/lists/*
# llama.cpp's threads; the release's own version of it, as Debian's security team keeps it.
ARG LLAMA_CPP=0
RUN test "${LLAMA_CPP}" = 0 \
    || { apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*; }
ARG VERSION=unknown
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="sluice-worker" \
      org.opencontainers.image.description="Sluice's worker: runs the queue's jobs on an engine" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
# Nothing but /tmp is ever written to; a GGUF file that is fetched lies there too, unless SLUICE_DATA_DIR is a volume.
ENV PATH=/opt/sluice/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    SLUICE_DATA_DIR=/tmp/sluice \
    SLUICE_ALIVE_FILE=/tmp/alive
COPY --from=build --chown=0:0 /opt/sluice /opt/sluice
COPY --chown=0:0 deploy/bases/ollama-worker/alive.sh /opt/sluice/alive.sh
WORKDIR /opt/sluice
USER 10001:10001
# It has no port: what shows its life is a file that it touches.
HEALTHCHECK --interval=20s --timeout=10s --start-period=30s --retries=2 \
    CMD ["sh", "/opt/sluice/alive.sh"]
ENTRYPOINT ["tini", "-s", "--", "python", "-m", "ollama_worker"]
