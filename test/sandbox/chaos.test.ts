import { request } from "node:http";
import { describe, expect, it, onTestFinished } from "vitest";
import { chaosSchema } from "../../src/sandbox/chaos-file.ts";
import { startSandbox } from "../../src/sandbox/server.ts";

const OUTPUT = "24422850-abc3-4525-9567-e2fd4bd0adcb_output_0.mp4";
const SEGMENT = "recSegment0000001";

/** A sandbox with these rules, spoken to over HTTP. */
async function sandboxWith(...rules: readonly object[]) {
  const log: string[] = [];
  const chaos = { rules: chaosSchema.parse({ rules }), log: (line: string) => log.push(line) };
  const { env, close } = await startSandbox({ stateFile: null, delayedWebhook: false, chaos });
  onTestFinished(close);
  const token = { authorization: `Bearer ${env.AIRTABLE_API_KEY}`, "content-type": "application/json" };
  const base = `${env.AIRTABLE_ENDPOINT_URL}/v0/${env.AIRTABLE_BASE_ID}`;
  return {
    log,
    output: `${env.STUCK_JOBS_STORAGE_URL}/${OUTPUT}`,
    get: (path: string) => send("GET", `${base}/${path}`, token),
    attach: (signal?: AbortSignal) => {
      const fields = { "Voiceover + Video": [{ url: `${env.STUCK_JOBS_STORAGE_URL}/${OUTPUT}` }], Status: "combined" };
      return send("PATCH", `${base}/Segments/${SEGMENT}`, token, JSON.stringify({ fields }), signal);
    },
    head: () => send("HEAD", `${env.STUCK_JOBS_STORAGE_URL}/${OUTPUT}`),
    stats: async () => JSON.parse((await send("GET", `${env.AIRTABLE_ENDPOINT_URL}/sandbox/stats`)).body),
    segment: async () => {
      const { body } = await send("GET", `${env.AIRTABLE_ENDPOINT_URL}/sandbox/state`);
      const records: readonly { id: string; fields: Record<string, unknown> }[] = JSON.parse(body).base.tables.Segments;
      return records.find(({ id }) => id === SEGMENT)?.fields ?? {};
    },
  };
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
  /** Of a body that broke off. */
  readonly whole: boolean;
}

/** One request on a connection of its own; rejects where no headers come. */
function send(
  method: string,
  url: string,
  headers: Record<string, string> = {},
  body = "",
  signal?: AbortSignal,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, signal, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      const settle = () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
          whole: response.complete,
        });
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", settle);
      response.on("end", settle);
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

describe("a rule of a chaos file", () => {
  it("hits the n-th of the requests that fit it, and no other", async () => {
    const { get, head, log } = await sandboxWith({ do: "answer", on: "base", path: "/Jobs$", nth: 2, status: 503 });
    const statuses = [];
    for (const path of ["Jobs", "Segments", "Jobs", "Jobs"]) statuses.push((await get(path)).status);
    expect([...statuses, (await head()).status]).toEqual([200, 200, 503, 200, 200]);
    expect(log).toEqual(["chaos: rules.0: answer on request 3 (base): GET /v0/appSandbox0000001/Jobs"]);
  });

  it.each([
    [{ every: 3 }, [3, 6]],
    [{ from: 2, every: 3 }, [2, 5]],
    [{ from: 3, to: 5 }, [3, 4, 5]],
    [{ every: 2, to: 5 }, [2, 4]],
    [{}, [1, 2, 3, 4, 5, 6, 7]],
  ])("%j hits requests %j of 7", async (which, expected) => {
    const { head } = await sandboxWith({ do: "answer", on: "bucket", status: 500, ...which });
    const hit = [];
    for (let n = 1; n <= 7; n += 1) if ((await head()).status === 500) hit.push(n);
    expect(hit).toEqual(expected);
  });

  it("counts a request that another rule decides, which is the first that is due", async () => {
    const { head } = await sandboxWith({ do: "answer", nth: 1, status: 500 }, { do: "answer", to: 2, status: 503 });
    expect([(await head()).status, (await head()).status, (await head()).status]).toEqual([500, 503, 200]);
  });
});

describe("a fault", () => {
  it("answers in the server's place, without doing what was asked", async () => {
    const answer = { status: 429, headers: { "retry-after": "7" }, body: "slow down" };
    const { attach, segment } = await sandboxWith({ do: "answer", method: "patch", ...answer });
    expect(await attach()).toMatchObject({ status: 429, body: "slow down", headers: { "retry-after": "7" } });
    expect(await segment()).not.toHaveProperty("Voiceover + Video");
  });

  it("closes the connection before the request is carried out, or after", async () => {
    const { attach, segment } = await sandboxWith(
      { do: "close", method: "PATCH", nth: 1 },
      { do: "close", method: "PATCH", nth: 2, when: "after" },
    );
    await expect(attach()).rejects.toThrow("socket hang up");
    expect(await segment()).not.toHaveProperty("Voiceover + Video");
    await expect(attach()).rejects.toThrow("socket hang up");
    expect(await segment()).toHaveProperty("Voiceover + Video");
  });

  it.each(["content-length", "chunked"])("cuts an answer off within its body, against its %s", async (how) => {
    const { get } = await sandboxWith({ do: "truncate", nth: 1, how });
    const broken = await get("Jobs");
    const whole = await get("Jobs");
    expect([broken.status, broken.whole, whole.whole]).toEqual([200, false, true]);
    expect(broken.body.length).toBeGreaterThan(0);
    expect(whole.body.startsWith(broken.body) && broken.body !== whole.body).toBe(true);
  });

  it("cuts an answer without a body off within its headers", async () => {
    const { head } = await sandboxWith({ do: "truncate", nth: 1 });
    await expect(head()).rejects.toThrow();
    expect((await head()).status).toBe(200);
  });

  it("delays a request, and carries it out though its client has gone", async () => {
    const { attach, segment, stats } = await sandboxWith({ do: "delay", method: "PATCH", by: "300ms" });
    const client = new AbortController();
    const answered = attach(client.signal);
    while ((await stats()).airtable === 0);
    client.abort();
    await expect(answered).rejects.toThrow("aborted");
    expect(await segment()).not.toHaveProperty("Voiceover + Video");
    await expect.poll(segment, { timeout: 10_000 }).toHaveProperty("Voiceover + Video");
  });

  it.each([
    ["before", false],
    ["after", true],
    ["midway", true],
  ])("hangs %s the request is carried out", async (when, written) => {
    const { attach, segment, stats } = await sandboxWith({ do: "hang", method: "PATCH", when });
    let settled = false;
    const settle = () => {
      settled = true;
    };
    attach().then(settle, settle);
    while ((await stats()).airtable === 0);
    expect([settled, "Voiceover + Video" in (await segment())]).toEqual([false, written]);
  });

  it("makes listings that are under way start over", async () => {
    const { get } = await sandboxWith({ do: "expire-listings", nth: 2 });
    const { offset } = JSON.parse((await get("Jobs?pageSize=1")).body);
    const second = await get(`Jobs?pageSize=1&offset=${encodeURIComponent(offset)}`);
    expect([second.status, second.body]).toEqual([422, expect.stringContaining("LIST_RECORDS_ITERATOR_NOT_AVAILABLE")]);
  });

  it("drops an attachment when it is fetched", async () => {
    const { attach, segment } = await sandboxWith({ do: "drop-attachment", nth: 1 });
    await attach();
    expect(await segment()).toHaveProperty("Voiceover + Video");
    await expect.poll(segment, { timeout: 10_000 }).not.toHaveProperty("Voiceover + Video");
    await attach();
    await expect.poll(segment, { timeout: 10_000 }).toMatchObject({ "Voiceover + Video": [{ size: 8_412_377 }] });
  });
});

describe("the sandbox's own addresses", () => {
  it("count the requests that arrived, faulty ones too, and not those to themselves", async () => {
    const { get, head, stats } = await sandboxWith({ do: "answer", status: 500 });
    await get("Jobs");
    await head();
    await head();
    expect([await stats(), await stats()]).toEqual(Array(2).fill({ airtable: 1, storage: 2 }));
  });
});
