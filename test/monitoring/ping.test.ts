import { createServer } from "node:http";
import { describe, expect, it } from "vitest";
import type { PingDialect } from "../../src/config/schema/monitoring.ts";
import { type PingEvent, pingEnd, pingRequest, pingStart } from "../../src/monitoring/ping.ts";
import { systemClock } from "../../src/system/clock.ts";
import { listen, never } from "../support/servers.ts";

const RUN_KEY = "0b8a3f52-6d0e-4f0e-9d59-0e3f3f1f3c11";

describe("the address of a healthchecks ping", () => {
  it.each([
    ["https://hc-ping.com/uuid", "start", "https://hc-ping.com/uuid/start"],
    ["https://hc-ping.com/uuid", 0, "https://hc-ping.com/uuid"],
    ["https://hc-ping.com/uuid", 5, "https://hc-ping.com/uuid/5"],
    ["https://hc-ping.com/key/slug?create=1", 6, "https://hc-ping.com/key/slug/6?create=1"],
    ["https://hc.example/ping/uuid/", "start", "https://hc.example/ping/uuid/start"],
    ["https://hc.example", "start", "https://hc.example/start"],
  ] as const)("%s, %s is %s", (url, event, expected) => {
    const wanted: PingEvent =
      event === "start" ? { kind: "start" } : { kind: "end", exitCode: event, body: "", durationMs: 0 };
    expect(pingRequest({ url, dialect: "healthchecks", runKey: RUN_KEY }, wanted)?.url).toBe(expected);
  });
});

/** Services as their documentation describes them: each takes only what it knows, and keeps what it understood. */
const SERVICES: Readonly<Record<PingDialect, (seen: Seen) => string | null>> = {
  healthchecks({ method, path, body }) {
    const [, end] = /^\/uuid(?:\/(start|\d+))?$/.exec(path) ?? [null, null];
    if (end === null || !["GET", "POST"].includes(method)) return null;
    return `${end === undefined ? "ok" : end === "start" ? "start" : `fail ${end}`} ${body.split("\n")[0]}`.trim();
  },
  betterstack({ path, body }) {
    const [, code] = /^\/api\/v1\/heartbeat\/token(?:\/(\d+))?$/.exec(path) ?? [null, null];
    if (code === null) return null;
    return `${code === undefined ? "ok" : `fail ${code}`} ${body.split("\n")[0]}`.trim();
  },
  sentry({ path, query }) {
    const status = query.get("status") ?? "";
    const id = query.get("check_in_id") ?? "";
    if (path !== "/api/1/cron/sweep/key/" || !/^[0-9a-f-]{36}$/.test(id)) return null;
    if (query.get("environment") !== "staging") return null;
    return ["in_progress", "ok", "error"].includes(status) ? status : null;
  },
  cronitor({ path, query }) {
    const state = query.get("state") ?? "";
    if (path !== "/p/key/sweep" || !["run", "complete", "fail"].includes(state)) return null;
    if (query.get("series") !== RUN_KEY) return null;
    return [state, query.get("status_code"), query.get("message")].filter((each) => each !== null).join(" ");
  },
  "uptime-kuma"({ method, path, query }) {
    const status = query.get("status") ?? "";
    if (method !== "GET" || path !== "/api/push/token" || !["up", "down"].includes(status)) return null;
    return `${status} ${query.get("msg")} ${query.get("ping")}`;
  },
};

interface Seen {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: string;
}

/** A service of this dialect, which refuses what it does not know with 404. */
async function service(dialect: PingDialect) {
  const understood: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { pathname, searchParams } = new URL(request.url ?? "", "http://localhost");
      const body = Buffer.concat(chunks).toString();
      const what = SERVICES[dialect]({ method: request.method ?? "", path: pathname, query: searchParams, body });
      if (what !== null) understood.push(what);
      response.writeHead(what === null ? 404 : 200).end();
    });
  });
  return { ...(await listen(server)), understood };
}

describe("a service of each dialect", () => {
  it.each<[PingDialect, string, readonly string[], readonly string[]]>([
    ["healthchecks", "/uuid", ["start", "ok one line"], ["start", "fail 6 one line"]],
    ["betterstack", "/api/v1/heartbeat/token", ["ok one line"], ["fail 6 one line"]],
    ["sentry", "/api/1/cron/sweep/key/?environment=staging", ["in_progress", "ok"], ["in_progress", "error"]],
    ["cronitor", "/p/key/sweep", ["run", "complete 0 one line"], ["run", "fail 6 one line"]],
    ["uptime-kuma", "/api/push/token?status=up&msg=OK&ping=", ["up one line 1500"], ["down one line 1500"]],
  ])("%s understands start and end of a run, good and bad", async (dialect, path, good, bad) => {
    for (const [exitCode, expected] of [
      [0, good],
      [6, bad],
    ] as const) {
      const { url, understood } = await service(dialect);
      const warnings: string[] = [];
      const surroundings = {
        env: {},
        clock: systemClock,
        signal: never(),
        redact: (text: string) => text.replaceAll("s3cret", "line"),
        warn: (message: string) => warnings.push(message),
      };
      const target = { url: `${url}${path}`, dialect, runKey: RUN_KEY };
      const start = pingStart(target, surroundings);
      await pingEnd(target, start, { exitCode, body: "one s3cret\nrecJob1 …\n", durationMs: 1500 }, surroundings);
      expect([understood, warnings]).toEqual([expected, []]);
    }
  });
});
