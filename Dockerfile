# One image, several entries: operator (the default), node-agent, credentials. Pin the bases by digest where builds must be the same:
#   docker build --build-arg NODE_IMAGE=node:26-slim@sha256:... .
ARG NODE_IMAGE=node:26-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# The Node of the image runs the build: the one of node_modules and its install script are not needed. Not `npm ci`: it refuses a lock file
# that lacks optional packages of platforms which are not this one.
RUN npm install --no-save --ignore-scripts --no-audit --no-fund
COPY scripts/bundle.ts scripts/
COPY src src
RUN node scripts/bundle.ts

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="elastic-runtime-operator" \
      org.opencontainers.image.licenses="Apache-2.0"
# A debuggable container is an attacker's tool too: no package managers. The node agent needs nsenter (util-linux), which the base has.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /opt/yarn* /usr/local/bin/yarn* \
 && rm -rf /var/lib/apt /var/lib/dpkg/info /usr/bin/apt* /usr/bin/dpkg*
WORKDIR /app
COPY LICENSE package.json ./
COPY data data
COPY --from=build /build/dist dist
ENV NODE_ENV=production
USER 65532:65532
# Read-only: nothing is written below / (kubelet mounts what is needed). NODE_OPTIONS=--enable-source-maps shows TypeScript in stack traces, for 120 MB more.
ENTRYPOINT ["/usr/local/bin/node", "/app/dist/operator.js"]
CMD ["operator"]
