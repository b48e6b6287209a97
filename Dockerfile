FROM debian:bookworm-slim AS build
ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
 && apt-get install -y --no-install-recommends cmake ninja-build gcc libc6-dev pkg-config \
      libhiredis-dev libjansson-dev libssl-dev libjwt-dev zlib1g-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY CMakeLists.txt CMakePresets.json ./
COPY cmake cmake
COPY include include
COPY src src
RUN cmake --preset release -DEH_TESTS=OFF \
 && cmake --build --preset release \
 && cmake --install build/release --prefix /out --strip

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends libhiredis0.14 libjansson4 libssl3 libjwt0 zlib1g curl \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin eventhub
COPY --from=build /out/bin/eventhub /usr/bin/eventhub
USER 10001
EXPOSE 8080 8443
HEALTHCHECK --interval=10s --timeout=3s --start-period=2s \
  CMD curl -fs -o /dev/null "http://127.0.0.1:${METRICS_LISTEN_PORT:-${LISTEN_PORT:-8080}}/healthz"
ENTRYPOINT ["/usr/bin/eventhub"]
