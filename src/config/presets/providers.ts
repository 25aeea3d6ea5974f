/**
 * What a preset of a provider brings: how it is asked, and the thresholds that its retention asks for. Table, fields and
 * targets are the base's own.
 */
export interface ProviderPreset {
  readonly provider: Readonly<Record<string, unknown>>;
  readonly thresholds: Readonly<Record<string, string>>;
}

/** Returns the placeholder of a variable of the environment, as headers have it. */
function variable(name: string): string {
  return `$\{${name}}`;
}

/**
 * Replicate: https://replicate.com/docs/topics/predictions/lifecycle for the states and the 30 minutes after which a
 * prediction times out, https://replicate.com/docs/topics/predictions/data-retention for the hour after which inputs,
 * outputs and files of predictions by the API are deleted.
 */
const replicate: ProviderPreset = {
  provider: {
    url: "https://api.replicate.com/v1/predictions/{externalId}",
    headers: { authorization: `Bearer ${variable("REPLICATE_API_TOKEN")}` },
    state: "/status",
    states: {
      running: ["starting", "processing"],
      succeeded: ["succeeded"],
      failed: ["failed", "canceled", "aborted"],
    },
    output: ["/output"],
    error: ["/error"],
    outputHosts: ["replicate.delivery"],
  },
  thresholds: { stuckAfter: "3m", failAfter: "50m", providerCap: "55m" },
};

/**
 * fal: https://fal.ai/docs/inference-api/queue/status for the states, https://fal.ai/docs/inference-api/queue/result for
 * the result, which is kept for an hour, and for six minutes where it has 10 KB or more. The URLs name owner and app of
 * the model, so that the file has to give them: `url` and `result.url`.
 */
const fal: ProviderPreset = {
  provider: {
    headers: { authorization: `Key ${variable("FAL_KEY")}` },
    state: "/status",
    states: { running: ["IN_QUEUE", "IN_PROGRESS"], succeeded: ["COMPLETED"] },
    result: { failedStatus: [422] },
    output: ["/video", "/images", "/image", "/audio", "/audio_file"],
    error: ["/error", "/detail"],
    outputHosts: ["fal.media"],
  },
  thresholds: { stuckAfter: "2m", failAfter: "50m", providerCap: "2h" },
};

/**
 * RunPod: https://docs.runpod.io/serverless/endpoints/operations for the states, and for the 30 minutes that the result
 * of an asynchronous job is kept. The file gives `url` with the endpoint, `output` with what its worker returns, and
 * `outputHosts` with the bucket that it uploads to.
 */
const runpod: ProviderPreset = {
  provider: {
    headers: { authorization: `Bearer ${variable("RUNPOD_API_KEY")}` },
    state: "/status",
    states: {
      running: ["IN_QUEUE", "IN_PROGRESS"],
      succeeded: ["COMPLETED"],
      failed: ["FAILED", "CANCELLED", "TIMED_OUT"],
    },
    output: ["/output/url", "/output/video_url", "/output/image_url", "/output/audio_url"],
    error: ["/error", "/output/error"],
  },
  thresholds: { stuckAfter: "3m", failAfter: "25m", providerCap: "24h" },
};

/**
 * Mux: https://www.mux.com/docs/api-reference/video/assets for the states, https://www.mux.com/docs/guides/download-your-videos
 * for static renditions, whose files are at stream.mux.com under playback id and name. Assets are kept until they are
 * deleted, and may be twelve hours long.
 */
const mux: ProviderPreset = {
  provider: {
    url: "https://api.mux.com/video/v1/assets/{externalId}",
    basicAuth: { user: variable("MUX_TOKEN_ID"), password: variable("MUX_TOKEN_SECRET") },
    state: "/data/status",
    states: { running: ["preparing"], succeeded: ["ready"], failed: ["errored"] },
    output: ["https://stream.mux.com/{/data/playback_ids/0/id}/{/data/static_renditions/files/0/name}"],
    error: ["/data/errors/messages/0", "/data/errors/type"],
    outputHosts: ["mux.com"],
  },
  thresholds: { stuckAfter: "10m", failAfter: "24h", maxAge: "7d", providerCap: "24h" },
};

/**
 * AssemblyAI: https://www.assemblyai.com/docs/pre-recorded-audio/check-transcript-status.md for the states. A transcript
 * is text and has no address that others may read: `outputs` name the files that the application makes of it. It is kept
 * until it is deleted.
 */
const assemblyai: ProviderPreset = {
  provider: {
    url: "https://api.assemblyai.com/v2/transcript/{externalId}",
    headers: { authorization: variable("ASSEMBLYAI_API_KEY") },
    state: "/status",
    states: { running: ["queued", "processing"], succeeded: ["completed"], failed: ["error"] },
    error: ["/error"],
  },
  thresholds: { stuckAfter: "5m", failAfter: "6h", maxAge: "7d", providerCap: "12h" },
};

/**
 * Any service that answers JSON with a state: the words for states and the places of outputs that most of them use. The
 * file gives `url`, and overrides what its service calls otherwise. A word that is not listed is unknown and decides
 * nothing.
 */
const generic: ProviderPreset = {
  provider: {
    state: "/status",
    states: {
      running: ["queued", "pending", "starting", "started", "processing", "running", "in_progress"],
      succeeded: ["succeeded", "success", "completed", "complete", "done", "finished", "ready"],
      failed: ["failed", "failure", "error", "errored", "canceled", "cancelled", "aborted", "timed_out", "expired"],
    },
    output: ["/output", "/output_url", "/url"],
    error: ["/error", "/message"],
  },
  thresholds: {},
};

const PRESETS = { replicate, fal, runpod, mux, assemblyai, generic };

/** The names of the presets of providers. */
export const PROVIDER_PRESETS = ["replicate", "fal", "runpod", "mux", "assemblyai", "generic"] as const;

/** Returns the preset of a provider; null for another name. */
export function findProviderPreset(named: unknown): (ProviderPreset & { readonly name: string }) | null {
  const name = PROVIDER_PRESETS.find((each) => each === named);
  return name === undefined ? null : { ...PRESETS[name], name };
}

/** Hosts on which providers keep outputs. */
const HOSTS: readonly (readonly [host: string, name: (typeof PROVIDER_PRESETS)[number]])[] = [
  ["replicate.delivery", "replicate"],
  ["fal.media", "fal"],
  ["stream.mux.com", "mux"],
];

/** Returns the preset of the provider on whose hosts files are; null where none of them is known. */
export function providerOf(hostnames: readonly string[]): { readonly name: string; readonly host: string } | null {
  for (const [host, name] of HOSTS) {
    if (hostnames.some((each) => each === host || each.endsWith(`.${host}`))) return { name, host };
  }
  return null;
}
