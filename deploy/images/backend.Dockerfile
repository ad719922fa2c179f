# The API, and `sluice db` for the history's schema. From the repository's root, with the bases' digests:
#   docker buildx build -f deploy/images/backend.Dockerfile --build-arg PYTHON_IMAGE=… --tag sluice-backend .
# `python .ci/pin_images.py bases` prints the arguments; without them the base is a tag, which can be moved.
# With --build-arg KUBERNETES=1 it has the client of a cluster (121 MB), which components/pod-deletion-cost wants.
ARG PYTHON_IMAGE=python:3.12-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
COPY deploy/images/build.lock deploy/images/backend.lock deploy/images/kubernetes.lock locks/
# Every package by its hash, and wheels only: nothing that is fetched runs while it is installed.
RUN --mount=type=cache,target=/root/.cache/pip,sharing=locked \
    python -m pip install --quiet --root-user-action=ignore --only-binary=:all: --require-hashes -r locks/build.lock \
    && python -m venv --without-pip /opt/sluice \
    && python -m pip --python /opt/sluice/bin/python install --quiet --only-binary=:all: --require-hashes -r locks/backend.lock
ARG KUBERNETES=0
RUN --mount=type=cache,target=/root/.cache/pip,sharing=locked \
    test "${KUBERNETES}" = 0 \
    || python -m pip --python /opt/sluice/bin/python install --quiet --only-binary=:all: --require-hashes -r locks/kubernetes.lock
# Last, since it changes most: a layer of a few hundred kilobytes.
COPY pyproject.toml README.md LICENSE ./
COPY .ci/page_in_wheel.py .ci/
COPY wire wire
COPY backend backend
COPY sluice sluice
RUN python -m hatchling build -t wheel \
    && python -m pip --python /opt/sluice/bin/python install --quiet --no-index --no-deps dist/*.whl

FROM ${PYTHON_IMAGE}
# A first process that hears every signal: the kernel drops one for which Python has no handler yet.
RUN apt-get update && apt-get install -y --no-install-recommends tini && rm -rf /var/lib/apt/lists/*
ARG VERSION=unknown
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="sluice-backend" \
      org.opencontainers.image.description="Sluice's API: one durable queue in front of all your GPUs" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
# Nothing but /tmp is ever written to, and only a history without a DATABASE_URL lies there.
ENV PATH=/opt/sluice/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    SLUICE_DATA_DIR=/tmp/sluice \
    SLUICE_PAGE=elsewhere
COPY --from=build --chown=0:0 /opt/sluice /opt/sluice
COPY --chown=0:0 deploy/images/ready.py /opt/sluice/ready.py
WORKDIR /opt/sluice
USER 10001:10001
EXPOSE 8000
# Ready: jobs can be let in. The first answer waits for LangServe's import.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s --retries=3 \
    CMD ["python", "/opt/sluice/ready.py"]
ENTRYPOINT ["tini", "-s", "--", "python", "-m", "backend"]
