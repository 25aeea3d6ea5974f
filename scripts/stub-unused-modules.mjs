import { fileURLToPath } from "node:url";

const stub = fileURLToPath(new URL("unused-module.cjs", import.meta.url));

/**
 * esbuild's `alias`: modules that the airtable client requires for its own transport, which is never used
 * (src/stores/airtable/tables.ts). node-fetch 2 would bring a deprecated module of Node, and its warning, into the bundle.
 */
export const UNUSED_MODULES = {
  "node-fetch": stub,
  "abort-controller": stub,
  "abortcontroller-polyfill/dist/cjs-ponyfill": stub,
  // For pg-boss's own schedules, which the fleet does not use: the scheduler of each host is the clock.
  "cron-parser": stub,
  "rrule-temporal": stub,
};
