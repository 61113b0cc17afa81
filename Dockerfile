# One image for web, worker, migrations and the operator's tool. The version is the one that the tests run with.
ARG NODE=20.20-bookworm-slim

# What the program needs while it runs. The compiler is for SQLite, where no built one can be had.
FROM node:${NODE} AS packages
WORKDIR /app
RUN apt-get update && apt-get install -y --no-install-recommends python3 make g++ && rm -rf /var/lib/apt/lists/*
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --loglevel=error

# Also the image of the sandbox, which is for development.
FROM packages AS build
RUN npm ci --loglevel=error
COPY . .
RUN npm run build

FROM node:${NODE}
ENV NODE_ENV=production PORT=3000
WORKDIR /app
COPY package.json ./
COPY views ./views
COPY --from=packages /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
USER node
EXPOSE 3000
# Whether the process lives; whether it is ready says /readyz, which a database that is away makes no better by a restart.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.WORKER_PORT || process.env.PORT}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# No npm and no shell in between: SIGTERM reaches the process, which drains.
CMD ["node", "--enable-source-maps", "dist/src/server.js"]
