import { isObject } from "../objects.ts";
import { nca } from "../presets/nca.ts";
import type { Config } from "../schema/config.ts";
import { BASE_ID, isPlainHttpUrl } from "../schema/formats.ts";

/**
 * The configuration, where it is the preset `nca` with nothing but what the environment may add to it: the base, the
 * pace and the place of the outputs. Null for all else, and for what is not beyond doubt: that is for the schema.
 *
 * Under cron most runs are of this kind and find nothing to do. For them, loading zod and building the schema would be
 * a third of all that a run costs. That the answer is the schema's own, test/config/resolve/preset-alone.test.ts sees to.
 */
export function checkPresetAlone(input: unknown): Config | null {
  if (!isObject(input) || !isObject(input.storage)) return null;
  const { airtable = {}, ...rest } = input;
  const { baseUrl } = input.storage;
  const preset = { ...rest, storage: { ...input.storage, baseUrl: nca.storage.baseUrl } };
  if (JSON.stringify(preset) !== PRESET || !isAddress(baseUrl)) return null;
  const base = baseOf(airtable);
  return base === null ? null : { ...DEFAULTS, airtable: base, storage: { ...DEFAULTS.storage, baseUrl } };
}

const PRESET = JSON.stringify(nca);

function baseOf(airtable: unknown): Config["airtable"] | null {
  if (!isObject(airtable)) return null;
  const { baseId, requestsPerSecond = 4, endpointUrl = "https://api.airtable.com", ...others } = airtable;
  if (Object.keys(others).length > 0 || !isAddress(endpointUrl)) return null;
  if (typeof requestsPerSecond !== "number" || !(requestsPerSecond > 0 && requestsPerSecond <= 5)) return null;
  if (baseId === undefined) return { requestsPerSecond, endpointUrl };
  return typeof baseId === "string" && BASE_ID.test(baseId) ? { baseId, requestsPerSecond, endpointUrl } : null;
}

function isAddress(value: unknown): value is string {
  return typeof value === "string" && isPlainHttpUrl(value);
}

/** The preset, with the schema's defaults for what it leaves out. */
const DEFAULTS: Config = {
  preset: "nca",
  airtable: { requestsPerSecond: 4, endpointUrl: "https://api.airtable.com" },
  jobs: { ...nca.jobs, fields: { ...nca.jobs.fields, ownId: null, startedAt: null, completedAt: null } },
  thresholds: {},
  storage: { ...nca.storage, concurrency: 16, requestsPerSecond: 200, attachmentUrlTtl: 86_400_000 },
  brake: { minimum: 5, share: 0.2, maxFails: 100 },
  lateOutputs: true,
  providers: {},
  webhooks: { allowHosts: [], via: "direct", fallback: "direct", signature: null },
  watching: { metricsFile: null, pingUrl: null, notifyUrl: null, failuresOver: 5 },
  journal: { maxBytes: 10_000_000, keep: 5 },
  operations: Object.fromEntries(
    Object.entries(nca.operations).map(([name, operation]) => [
      name,
      {
        set: {},
        ...operation,
        outputs: operation.outputs.map((pattern) => ({ pattern, all: false, count: null, from: 0 })),
        onExisting: "skip",
        check: null,
        thresholds: {},
      },
    ]),
  ),
};
