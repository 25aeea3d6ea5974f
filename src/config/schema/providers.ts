import * as z from "zod";
import { httpUrl, SECRET, text } from "./fields.ts";

/** A host name with its subdomains, or an address. */
const host = z
  .string()
  .regex(/^([a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:.]+\])$/i, {
    error: "expected a host name without scheme, port and path",
  })
  .transform((value) => value.toLowerCase());

/** JSON pointers as in RFC 6901: `/data/output/0/url`. */
const pointer = z.string().regex(/^(\/([^~/]|~[01])*)*$/, { error: 'expected a JSON pointer: "/data/status"' });

const pointers = z.union([pointer.transform((one) => [one]), z.array(pointer).min(1)]);

/** A pointer, or a URL that is put together of what pointers in braces find: `https://cdn.example/{/data/id}.mp4`. */
const outputPlace = z.union([
  pointer,
  z.string().regex(/^https?:\/\/[^{}\s/]+\/(?:[^{}\s]|\{(?:\/(?:[^~/{}]|~[01])*)+\})*$/, {
    error: 'expected a JSON pointer, or a URL with pointers in braces: "https://cdn.example/{/data/id}.mp4"',
  }),
]);

const outputPlaces = z.union([outputPlace.transform((one) => [one]), z.array(outputPlace).min(1)]);

const urlTemplate = z.string().superRefine((value, context) => {
  const problem = templateProblem(value);
  if (problem !== null) context.addIssue({ code: "custom", message: problem });
});

const headerName = z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, { error: "expected the name of a header" });

const status = z.int().min(400).max(599);

const OUTPUT_HOSTS = "Hosts, with their subdomains, that may serve the provider's outputs.";

const shared = {
  allowPrivate: z.boolean().default(false).describe("Whether outputs may be at addresses of a private network."),
  concurrency: z.int().min(1).max(32).default(4).describe("Maximum number of concurrent requests to the provider."),
};

const nca = z.strictObject({
  baseUrl: httpUrl.describe("Its address. The key is NCA_API_KEY, from the environment only."),
  sinceSeconds: z
    .int()
    .min(60)
    .optional()
    .describe("How far back the list of all jobs reaches; by default a day, or the longest providerCap."),
  outputHosts: z.array(host).default([]).describe(OUTPUT_HOSTS),
  ...shared,
});

/** Its files are at storage.theapi.app and img.theapi.app; its documentation also names storage.goapi.ai. */
const GOAPI_HOSTS = ["theapi.app", "goapi.ai", "piapi.ai"];

const goapi = z.strictObject({
  baseUrl: httpUrl
    .default("https://api.goapi.ai")
    .describe("Its address. The key is GOAPI_API_KEY, from the environment only."),
  outputHosts: z.array(host).default(GOAPI_HOSTS).describe(OUTPUT_HOSTS),
  ...shared,
});

const http = z
  .strictObject({
    method: z.enum(["GET", "POST"]).default("GET").describe("The method of the request for the state."),
    url: urlTemplate.describe("The address of the state, with {externalId} in it or in the body."),
    headers: z
      .record(headerName, text)
      .default({})
      .describe(
        "Headers; $" + "{NAME} is replaced by an environment variable, which may be a NAME_FILE or a credential.",
      )
      .meta(SECRET),
    basicAuth: z
      .strictObject({
        user: text.describe("The user.").meta(SECRET),
        password: text.describe("The password.").meta(SECRET),
      })
      .optional()
      .describe("User and password for HTTP basic authentication; $" + "{NAME} is replaced as in headers."),
    body: z.json().optional().describe("Sent as JSON; {externalId} in its texts is replaced."),
    state: pointer.describe("JSON pointer to the state."),
    states: z
      .strictObject({
        running: z.array(text).default([]).describe("Queued, or running."),
        succeeded: z.array(text).min(1).describe("Completed."),
        failed: z.array(text).default([]).describe("Failed."),
      })
      .describe("The meaning of the state's values; any other is unknown."),
    output: outputPlaces
      .optional()
      .describe(
        "JSON pointers to the outputs' URLs (a text, a list, or objects with `url`), or a URL with pointers in braces.",
      ),
    error: pointers.optional().describe("JSON pointers to the reason of a failure; the first that exists is used."),
    forgottenStatus: z.array(status).default([404, 410]).describe('HTTP statuses that mean "no such job".'),
    result: z
      .strictObject({
        url: urlTemplate.describe("Its address, with {externalId} in it."),
        failedStatus: z.array(status).default([]).describe("HTTP statuses that mean that the job failed."),
      })
      .optional()
      .describe("The request for the output of a completed job, if the state does not include it."),
    outputHosts: z.array(host).default([]).describe(OUTPUT_HOSTS),
    ...shared,
  })
  .superRefine((provider, context) => {
    const { url, body, states } = provider;
    if (!url.includes("{externalId}") && !JSON.stringify(body ?? null).includes("{externalId}")) {
      context.addIssue({ code: "custom", path: ["url"], message: "expected {externalId} in it, or in the body" });
    }
    if (body !== undefined && provider.method === "GET") {
      context.addIssue({ code: "custom", path: ["body"], message: "a GET has no body: set method: POST" });
    }
    const owners = new Map<string, string>();
    for (const [kind, words] of Object.entries(states)) {
      for (const [index, word] of words.entries()) {
        const owner = owners.get(word);
        owners.set(word, owner ?? kind);
        if (owner === undefined) continue;
        context.addIssue({ code: "custom", path: ["states", kind, index], message: `also one of states.${owner}` });
      }
    }
  });

/** Providers by name. `nca` and `goapi` are built in; every other name is one described here. */
export const providers = z
  .object({
    nca: nca.optional().describe("NCA Toolkit, which is asked by the job's external id."),
    goapi: goapi
      .optional()
      .describe("GoAPI or PiAPI. It adds the operations video and generate_music_only to the preset."),
  })
  .catchall(http.describe("Any other provider with an HTTP API, under a name of your own."))
  .prefault({})
  .describe("The services that do the work, which are asked for the state of a job.");

/** A provider that the configuration describes, after the check. */
export type HttpProviderConfig = z.output<typeof http>;

function templateProblem(value: string): string | null {
  const [unknown] = value.replaceAll("{externalId}", "").match(/\{[^}]*\}?/) ?? [];
  if (unknown !== undefined) return `${unknown} is not known: only {externalId} is replaced`;
  const sample = value.replaceAll("{externalId}", "x");
  if (!URL.canParse(sample)) return "expected an http or https URL";
  const { protocol, username, password, hash, host } = new URL(sample);
  if (!/^https?:$/.test(protocol) || `${username}${password}${hash}` !== "") {
    return "expected an http or https URL without user, password and fragment";
  }
  const other = new URL(value.replaceAll("{externalId}", "y"));
  return other.host === host ? null : "expected {externalId} in the path or the query, not in the host";
}
