# Image of the server and its command-line tool: docker build -t eventhub . && docker run --rm -p 8080:8080 -e JWT_SECRET=... eventhub
FROM debian:bookworm-slim AS build
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      cmake ninja-build gcc libc6-dev pkg-config \
      libcurl4-openssl-dev libhiredis-dev libjansson-dev libssl-dev zlib1g-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY CMakeLists.txt CMakePresets.json ./
COPY cmake cmake
COPY include include
COPY src src
RUN cmake --preset release -DEH_TESTS=OFF \
 && cmake --build --preset release \
 && cmake --install build/release --component server --prefix /out --strip

FROM debian:bookworm-slim
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      libcurl4 libhiredis0.14 libjansson4 libssl3 zlib1g ca-certificates \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/cache/debconf/*-old /var/log/*.log /var/log/apt
COPY --from=build /out/bin/eventhub /out/bin/eventhubctl /usr/bin/

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Eventhub" \
      org.opencontainers.image.description="Publish/subscribe server over WebSockets" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="docker.io/library/debian:bookworm-slim" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"

# The user is a number, so that Kubernetes can see that it is not root. The server needs no files of its own,
# no capabilities and nothing to write to: run it with --read-only --cap-drop ALL.
USER 10001:10001
# Clients without and with TLS.
EXPOSE 8080 8443
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s --retries=3 \
  CMD ["/usr/bin/eventhub", "--health-check"]
ENTRYPOINT ["/usr/bin/eventhub"]
