import { describe, expect, it } from "vitest";
import type { ProviderAnswer } from "../../src/core/domain/evidence.ts";
import type { Provider } from "../../src/core/ports/ports.ts";
import { checkProviders } from "../../src/doctor/providers.ts";
import { openWorld } from "../e2e/world.ts";
import { closedPort, serve } from "../support/servers.ts";
import { examined } from "./doctor-world.ts";

describe("a provider that is asked for a job that nobody has", () => {
  /** NCA Toolkit as it answers the list of all jobs, and then as given. */
  async function asked(status: number, body: unknown) {
    const nca = await serve((request, response) => {
      const list = request.url?.endsWith("/jobs/status") === true;
      response.writeHead(list ? 200 : status, { "content-type": "application/json" });
      response.end(JSON.stringify(list ? { code: 200, response: {}, message: "success" } : body));
    });
    const world = await openWorld();
    const found = await examined(world, { env: { NCA_BASE_URL: nca.url, NCA_API_KEY: "key" } });
    expect(found.requests.provider).toBe(nca.requests.length);
    return { ...found, url: nca.url };
  }

  it("is there when it knows no such job", async () => {
    const { of, url } = await asked(404, { message: { error: "Job not found" } });
    expect(of("provider")).toMatchObject([
      { level: "pass", title: "provider nca", detail: `${url} answers: HTTP 404, job not found` },
    ]);
  });

  it("is warned of when it refuses the key", async () => {
    const { code, of } = await asked(401, { message: "Unauthorized" });
    expect(code).toBe(0);
    expect(of("provider")).toMatchObject([
      {
        level: "warn",
        detail: expect.stringContaining("NCA_API_KEY is refused"),
        next: expect.stringContaining("providers.nca"),
      },
    ]);
  });

  it("is warned of when it cannot be reached", async () => {
    const env = { NCA_BASE_URL: `http://127.0.0.1:${await closedPort()}`, NCA_API_KEY: "key" };
    const { of } = await examined(await openWorld(), { env });
    expect(of("provider")).toMatchObject([{ level: "warn", detail: expect.stringContaining("refused") }]);
  });

  it("is warned of when it knows a job that does not exist", async () => {
    const answer: ProviderAnswer = { kind: "running", detail: "queued", worker: null };
    const provider: Provider = {
      url: "https://nca.example.com",
      status: { ask: async () => answer, requests: () => 1 },
      probe: async (url) => ({ result: "absent", url, detail: "" }),
      requests: () => 1,
    };
    const findings = await checkProviders(new Map([["mine", provider]]), "nobody", new AbortController().signal);
    expect(findings).toMatchObject([{ level: "warn", detail: "https://nca.example.com: queued" }]);
  });
});
