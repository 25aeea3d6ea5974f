import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { readEnvironment } from "../../../src/config/env/environment.ts";
import type { Env } from "../../../src/config/env/variables.ts";
import { readConfigFile } from "../../../src/config/file/read-config-file.ts";
import { ConfigError } from "../../../src/config/problems.ts";
import { resolveSettings } from "../../../src/config/resolve/resolve.ts";
import type { Overrides } from "../../../src/config/settings.ts";

const TOKEN = { AIRTABLE_API_KEY: "a-token", AIRTABLE_BASE_ID: "appBase0000000001" };
const NCA = { NCA_BASE_URL: "https://nca.example", NCA_API_KEY: "nca-secret" };
const GOAPI = { GOAPI_API_KEY: "goapi-secret" };

function settings(content: unknown = {}, env: Env = {}, overrides: Overrides = {}) {
  return resolveSettings({ path: "x.yaml", content }, readEnvironment({ ...TOKEN, ...env }), overrides);
}

function problems(content: unknown, env: Env = {}, overrides: Overrides = {}): string {
  try {
    settings(content, env, overrides);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return "";
}

const MINE = {
  url: "https://api.example/v1/{externalId}",
  state: "/status",
  states: { running: ["busy"], succeeded: ["ok"], failed: ["bad"] },
};

describe("NCA is turned on by its address and its key in the environment", () => {
  it("is off without them, and then its operations ask nobody", () => {
    const found = settings();
    expect(found.providers).toEqual([]);
    expect(found.operations.map(({ provider }) => provider)).toEqual([null, null, null, null]);
  });
  it("is asked for all operations of the preset, a day back", () => {
    const found = settings({}, NCA);
    expect(found.providers).toEqual([
      {
        kind: "nca",
        name: "nca",
        baseUrl: "https://nca.example",
        apiKey: "nca-secret",
        sinceSeconds: 86_400,
        outputHosts: [],
        allowPrivate: false,
        concurrency: 4,
      },
    ]);
    expect(found.operations.map(({ provider }) => provider)).toEqual(["nca", "nca", "nca", "nca"]);
    expect(found.secrets).toEqual(["nca-secret"]);
  });
  it("is asked as far back as the longest providerCap", () => {
    const found = settings({ operations: { combine: { thresholds: { providerCap: "2d" } } } }, NCA);
    expect(found.providers[0]).toMatchObject({ sinceSeconds: 172_800 });
    expect(found.operations.map(({ thresholds }) => thresholds.providerCap / 3_600_000)).toEqual([48, 6, 6, 6]);
  });
  it("takes its address from the file too, and the environment's first", () => {
    const file = { providers: { nca: { baseUrl: "https://file.example", sinceSeconds: 600 } } };
    expect(settings(file, { NCA_API_KEY: "k" }).providers[0]).toMatchObject({ baseUrl: "https://file.example" });
    expect(settings(file, NCA).providers[0]).toMatchObject({ baseUrl: "https://nca.example", sinceSeconds: 600 });
  });
  it("stays off for its key alone, which the application's environment may hold", () => {
    expect(settings({}, { NCA_API_KEY: "k" }).providers).toEqual([]);
  });
  it("is missed by its key", () => {
    expect(problems({}, { NCA_BASE_URL: "https://nca.example" })).toBe("providers.nca: no key; set NCA_API_KEY");
  });
  it("is kept off by null in the file", () => {
    expect(settings({ providers: { nca: null } }, NCA).providers).toEqual([]);
  });
});

describe("GoAPI is turned on by its key", () => {
  it("brings its operations, whose outputs only it knows", () => {
    const found = settings({}, GOAPI);
    expect(found.providers).toMatchObject([
      { kind: "goapi", baseUrl: "https://api.goapi.ai", outputHosts: ["theapi.app", "goapi.ai", "piapi.ai"] },
    ]);
    const added = found.operations.slice(4).map(({ name, outputs, provider, target, attachment, set }) => {
      return { name, outputs, provider, table: target.table, attachment, set };
    });
    expect(added).toEqual([
      {
        name: "video",
        outputs: [],
        provider: "goapi",
        table: "Segments",
        attachment: "Video",
        set: { Status: "Video Ready" },
      },
      { name: "generate_music_only", outputs: [], provider: "goapi", table: "Videos", attachment: "Music", set: {} },
    ]);
  });
  it("leaves its operations unknown when it is not configured", () => {
    expect(settings().operations.map(({ name }) => name)).not.toContain("video");
  });
  it("can be had without one of its operations, whether or not it is configured", () => {
    const file = { operations: { video: null } };
    expect(settings(file, GOAPI).operations.map(({ name }) => name)).not.toContain("video");
    expect(settings(file).operations).toHaveLength(4);
  });
  it("is kept off by null in the file, with its operations", () => {
    const found = settings({ providers: { goapi: null } }, GOAPI);
    expect([found.providers, found.operations.length]).toEqual([[], 4]);
  });
  it("takes another address", () => {
    const env = { ...GOAPI, GOAPI_BASE_URL: "https://api.piapi.ai" };
    expect(settings({}, env).providers[0]).toMatchObject({ baseUrl: "https://api.piapi.ai" });
  });
  it("is missed by its key", () => {
    expect(problems({ providers: { goapi: {} } })).toBe("providers.goapi: no key; set GOAPI_API_KEY");
  });
});

describe("a provider that is described", () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholder of the configuration
  const headers = { authorization: "Bearer ${MINE_TOKEN}" };
  it("has the environment's secrets in its headers, and keeps them from being shown", () => {
    const found = settings({ providers: { mine: { ...MINE, headers } } }, { MINE_TOKEN: "abc-def" });
    expect(found.providers).toMatchObject([
      { kind: "http", name: "mine", method: "GET", headers: { authorization: "Bearer abc-def" } },
    ]);
    expect(found.secrets).toEqual(["abc-def"]);
  });
  it("takes them from files and systemd credentials", () => {
    const folder = mkdtempSync(join(tmpdir(), "stuck-jobs-provider-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    mkdirSync(join(folder, "credentials"));
    writeFileSync(join(folder, "credentials", "MINE_TOKEN"), "from-credential\n");
    writeFileSync(join(folder, "token"), "from-file\n");
    const file = { providers: { mine: { ...MINE, headers } } };
    const bearer = (env: Env) => settings(file, env).providers[0];
    expect(bearer({ MINE_TOKEN_FILE: join(folder, "token") })).toMatchObject({
      headers: { authorization: "Bearer from-file" },
    });
    expect(bearer({ CREDENTIALS_DIRECTORY: join(folder, "credentials") })).toMatchObject({
      headers: { authorization: "Bearer from-credential" },
    });
  });
  it("is an error without its variable", () => {
    expect(problems({ providers: { mine: { ...MINE, headers } } })).toBe(
      "providers.mine.headers.authorization: MINE_TOKEN is not set in the environment",
    );
  });
  it("is an error when a secret would break the header", () => {
    const env = { MINE_TOKEN: "a\r\nx: y" };
    expect(problems({ providers: { mine: { ...MINE, headers } } }, env)).toMatch(/a character no header may have/);
  });
  it("may be the only one that knows an operation's output", () => {
    const found = settings({ providers: { mine: MINE }, operations: { combine: { outputs: [], provider: "mine" } } });
    expect(found.operations[0]).toMatchObject({ outputs: [], provider: "mine" });
  });

  it.each<[string, unknown, RegExp]>([
    ["without the external id", { ...MINE, url: "https://api.example/v1" }, /^providers.mine.url: .*\{externalId\}/],
    ["with it in the host", { ...MINE, url: "https://{externalId}.example/" }, /not in the host/],
    ["with another placeholder", { ...MINE, url: "https://a.example/{id}/{externalId}" }, /\{id\} is not known/],
    ["with a password", { ...MINE, url: "https://a:b@c.example/{externalId}" }, /without user, password/],
    ["of another scheme", { ...MINE, url: "ftp://c.example/{externalId}" }, /expected an http or https URL/],
    ["with a path for a pointer", { ...MINE, state: "data.status" }, /providers.mine.state: .*JSON pointer/],
    ["with a bad escape in a pointer", { ...MINE, state: "/a~2" }, /JSON pointer/],
    ["without a good state", { ...MINE, states: { running: ["x"] } }, /states.succeeded: missing/],
    [
      "with a state of two meanings",
      { ...MINE, states: { succeeded: ["x"], failed: ["x"] } },
      /failed.0: .*also one of/,
    ],
    ["with a body on a GET", { ...MINE, body: { id: 1 } }, /a GET has no body/],
    ["with a misspelt key", { ...MINE, header: {} }, /unknown key, did you mean "headers"\?/],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholder of the configuration
    ["with a bad placeholder in a header", { ...MINE, headers: { a: "${b c}" } }, /found "\$\{b c\}"; expected/],
    ["with a header that is none", { ...MINE, headers: { "a b": "c" } }, /headers/],
    ["with a URL for an output host", { ...MINE, outputHosts: ["https://x.example"] }, /outputHosts.0: .*host name/],
    ["whose result has no template", { ...MINE, result: { url: "nowhere" } }, /result.url: .*http or https URL/],
  ])("is refused %s", (_, mine, expected) => {
    expect(problems({ providers: { mine } })).toMatch(expected);
  });
});

describe("an operation's provider", () => {
  it("must be one that is configured", () => {
    const file = { operations: { combine: { provider: "replicat" } } };
    expect(problems(file, NCA)).toBe('operations.combine.provider: found "replicat"; configured: nca');
  });
  it("must be configured where nobody else knows the output", () => {
    const file = { operations: { combine: { outputs: [], provider: "goapi" } } };
    expect(problems(file)).toBe('operations.combine.provider: found "goapi"; none is configured');
  });
  it("must be there where no output is named", () => {
    const file = { operations: { combine: { outputs: [], provider: null } } };
    expect(problems(file)).toMatch(/^operations.combine.outputs: found \[\]; expected at least one file name, or a/);
  });
});

describe("webhooks", () => {
  const allowed = { webhooks: { allowHosts: ["App.example:8443"] } };
  it("are not sent unless asked for", () => {
    expect(settings().operations.map(({ completeVia, fallback }) => `${completeVia}, ${fallback}`)).toEqual(
      Array(4).fill("direct, direct"),
    );
  });
  it("are sent for all operations, or for one", () => {
    const all = settings({ webhooks: { ...allowed.webhooks, via: "webhook", fallback: "none" } });
    expect(all.webhooks).toEqual({ allowHosts: ["app.example:8443"], signature: null });
    expect(new Set(all.operations.map(({ completeVia, fallback }) => `${completeVia}, ${fallback}`))).toEqual(
      new Set(["webhook, none"]),
    );
    const one = settings({ ...allowed, operations: { combine: { via: "webhook" } } });
    expect(one.operations.map(({ completeVia }) => completeVia)).toEqual(["webhook", "direct", "direct", "direct"]);
  });
  it("name NCA's own endpoints in the preset", () => {
    expect(settings().operations.map(({ webhookEndpoint }) => webhookEndpoint)).toEqual([
      "/v1/ffmpeg/compose",
      "/v1/video/concatenate",
      "/v1/ffmpeg/compose",
      "/v1/ffmpeg/compose",
    ]);
  });
  it("need a host that is allowed", () => {
    expect(problems({}, {}, { via: "webhook" })).toMatch(/^webhooks.allowHosts: missing/);
  });
  it("need an endpoint, which GoAPI's have none of", () => {
    const file = { ...allowed, operations: { video: { via: "webhook" } } };
    expect(problems(file, GOAPI)).toMatch(/^operations.video.webhookEndpoint: missing/);
  });
  it("are left out where all are to be sent and one has no endpoint", () => {
    const found = settings({ webhooks: { ...allowed.webhooks, via: "webhook" } }, GOAPI);
    expect(found.operations.map(({ completeVia }) => completeVia)).toEqual([
      ...Array(4).fill("webhook"),
      "direct",
      "direct",
    ]);
  });
  it("are signed with a secret of the environment, which is never shown", () => {
    const signature = { header: "x-signature", prefix: "sha256=" };
    const found = settings({ webhooks: { signature } }, { STUCK_JOBS_WEBHOOK_SECRET: "whsec" });
    expect(found.webhooks.signature).toEqual({ ...signature, secret: "whsec" });
    expect(found.secrets).toContain("whsec");
    expect(problems({ webhooks: { signature } })).toMatch(/set STUCK_JOBS_WEBHOOK_SECRET/);
  });
});

it("takes the example with every setting", async () => {
  const { content } = await readConfigFile("examples/stuck-jobsrc.yaml", process.cwd());
  expect(settings(content, NCA).operations[0]).toMatchObject({ name: "combine", provider: "nca" });
});
