# The page as files, behind an nginx that passes the API's paths on. From the repository's root:
#   docker buildx build -f deploy/images/frontend.Dockerfile --build-arg NODE_IMAGE=… --build-arg NGINX_IMAGE=… \
#     --tag sluice-frontend .
ARG NODE_IMAGE=node:24-bookworm-slim
ARG NGINX_IMAGE=nginxinc/nginx-unprivileged:1.28-alpine

# The page is the same on every platform: built once, on the builder's own.
FROM --platform=${BUILDPLATFORM} ${NODE_IMAGE} AS build
WORKDIR /build/frontend
ENV CI=1 \
    NEXT_TELEMETRY_DISABLED=1
COPY frontend/package.json frontend/package-lock.json frontend/.npmrc ./
RUN --mount=type=cache,target=/root/.npm,sharing=locked \
    npm ci --include=dev --no-audit --no-fund --prefer-offline
COPY frontend .
RUN npm run build
# What is for servers to read, or a double of another file, is not for visitors.
RUN mv out/headers.nginx.conf /build/page-headers.conf \
    && rm -rf out/headers.json out/.source-hash out/404 out/_not-found

FROM ${NGINX_IMAGE}
ARG VERSION=unknown
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="sluice-frontend" \
      org.opencontainers.image.description="Sluice's page, and the way to its API" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
COPY --from=build --chown=0:0 /build/frontend/out /srv/page
COPY --from=build --chown=0:0 /build/page-headers.conf /etc/nginx/page-headers.conf
COPY --chown=0:0 deploy/images/nginx.conf deploy/images/api.conf /etc/nginx/
WORKDIR /srv/page
USER 10001:10001
EXPOSE 8080
# Lets what passes through end; SIGTERM would cut it.
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --start-interval=1s --retries=3 \
    CMD ["curl", "--fail", "--silent", "--output", "/dev/null", "http://127.0.0.1:8080/"]
# Without the image's own entry point: it writes configuration at start, and nothing here can be written to.
ENTRYPOINT ["nginx", "-e", "stderr"]
