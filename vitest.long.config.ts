import { defineConfig } from "vitest/config";

// `npm run test:long`: what takes minutes, because it waits for heartbeats or has a thousand bases.
export default defineConfig({
  test: {
    include: ["test/long/**/*.long.ts"],
    maxWorkers: 1,
    testTimeout: 900_000,
    hookTimeout: 60_000,
    env: { NO_COLOR: "1" },
  },
});
