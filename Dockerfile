# One image for api, worker and sweeper; the command says which:
#
#   docker build --tag quws .
#   docker build --tag quws --build-arg EXTRAS="tracing" .
#   docker run --read-only --tmpfs /tmp --volume data:/var/lib/quws quws worker
#
# What is installed is what uv.lock says, by hash. For the same image bit for bit, give
# BASE_IMAGE by digest too. Any image with Python 3.11 or newer and glibc will do as a base.
ARG BASE_IMAGE=python:3.13-slim-bookworm

FROM ${BASE_IMAGE} AS build
ARG UV_VERSION=0.13.9
ARG EXTRAS=""
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_PROJECT_ENVIRONMENT=/opt/quws \
    UV_PYTHON_DOWNLOADS=never
RUN python3 -m venv /opt/uv \
    && /opt/uv/bin/pip install --no-cache-dir --disable-pip-version-check "uv==${UV_VERSION}"
WORKDIR /source
# The libraries first: they change less often than quws, and keep their layer.
COPY pyproject.toml uv.lock ./
RUN set -eu; set --; for extra in ${EXTRAS}; do set -- "$@" --extra "${extra}"; done; \
    /opt/uv/bin/uv sync --quiet --locked --no-dev --no-install-project "$@"
COPY README.md LICENSE ./
COPY alembic alembic
COPY src src
RUN set -eu; set --; for extra in ${EXTRAS}; do set -- "$@" --extra "${extra}"; done; \
    /opt/uv/bin/uv sync --quiet --locked --no-dev --no-editable "$@"

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="quws" \
      org.opencontainers.image.description="A job service for quantum circuits that speaks IVOA UWS 1.1" \
      org.opencontainers.image.licenses="BSD-3-Clause"
RUN groupadd --gid 10001 quws \
    && useradd --uid 10001 --gid quws --no-create-home --home-dir /var/lib/quws \
       --shell /usr/sbin/nologin quws \
    && install --directory --owner=quws --group=quws --mode=0700 /var/lib/quws
COPY --from=build /opt/quws /opt/quws
# Nothing but /var/lib/quws and /tmp is ever written to: the rest may be read-only.
ENV PATH=/opt/quws/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    QUWS_DATA=/var/lib/quws \
    QUWS_MONITOR_HOST=0.0.0.0 \
    QUWS_MONITOR_PORT=9090
USER 10001:10001
WORKDIR /var/lib/quws
VOLUME /var/lib/quws
# The API, and what only operators should reach: /metrics and /health of any process.
EXPOSE 8000 9090
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s CMD ["quws", "health"]
ENTRYPOINT ["quws"]
CMD ["serve", "--host", "0.0.0.0"]
