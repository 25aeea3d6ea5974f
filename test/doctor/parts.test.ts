import { describe, expect, it } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import type { ProviderAnswer } from "../../src/core/ports.ts";
import type { Provider } from "../../src/core/run.ts";
import { checkNode, OLDEST_NODE } from "../../src/doctor/machine.ts";
import { checkProviders } from "../../src/doctor/providers.ts";

describe("Node", () => {
  it("has to be as new as the package says", () => {
    expect(packageJson.engines.node).toBe(`>=${OLDEST_NODE}`);
  });

  it.each([
    ["20.18.1", "pass"],
    ["20.19.0", "pass"],
    ["22.0.0", "pass"],
    ["100.0.0", "pass"],
    ["20.18.0", "fail"],
    ["20.9.5", "fail"],
    ["18.20.4", "fail"],
  ])("%s: %s", (version, level) => {
    expect(checkNode(version)).toMatchObject([{ level }]);
  });
});

describe("a provider that is asked for a job that nobody has", () => {
  const provider = (answer: ProviderAnswer): Provider => ({
    url: "https://nca.example.com",
    status: { ask: async () => answer, requests: () => 1 },
    look: async (url) => ({ result: "absent", url, detail: "" }),
    requests: () => 1,
  });
  const said = (kind: "forgotten" | "unknown" | "running", detail: string) =>
    checkProviders(new Map([["nca", provider({ kind, detail, herd: null })]]), "nobody", new AbortController().signal);

  it("is there when it knows no such job", async () => {
    expect(await said("forgotten", "HTTP 404 Job not found")).toMatchObject([{ level: "pass", title: "provider nca" }]);
  });

  it("is warned of when it gives no answer that says anything", async () => {
    expect(await said("unknown", "HTTP 401")).toMatchObject([
      { level: "warn", detail: "https://nca.example.com: HTTP 401", next: expect.stringContaining("providers.nca") },
    ]);
  });

  it("is warned of when it knows a job that does not exist", async () => {
    expect(await said("running", "queued")).toMatchObject([{ level: "warn" }]);
  });
});
