import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { folder, stuckJobs } from "./cli.ts";
import { STATE, startFrom, stateIn } from "./final-state.ts";
import { reportIn } from "./report.ts";
import { chaos, serveHere, serveProcess } from "./sandbox-server.ts";

const CALM = { name: "chaos.json", content: chaos() };

async function sweep(cwd: string, env: Readonly<Record<string, string>>) {
  const { code, stdout } = await stuckJobs(["recover", "-o", "json"], { cwd, env });
  return { code, report: reportIn(stdout) };
}

function fetchJson(address: string): Promise<unknown> {
  return fetch(address).then((answer) => answer.json());
}

describe("sandbox serve", () => {
  it("serves a sweep, returns its counts and state, and has saved them when SIGTERM ends it", async () => {
    const cwd = folder();
    const served = await serveProcess(cwd, CALM);
    const { code, report } = await sweep(cwd, served.env);
    const own = `${served.env.AIRTABLE_ENDPOINT_URL}/sandbox`;
    expect(code).toBe(0);
    expect(await fetchJson(`${own}/stats`)).toEqual({
      airtable: report.requests.airtable,
      storage: report.requests.storage,
    });
    const held = await fetchJson(`${own}/state`);
    expect(await served.stop()).toBe(0);
    const { Jobs = [] } = stateIn(cwd).base.tables;
    expect(held).toMatchObject({ base: { tables: { Jobs } } });
    expect(Jobs.filter(({ fields }) => fields.Status === "failed").length).toBeGreaterThan(0);
  });

  it("brings the example of docs/sandbox.md to the result that is described there", async () => {
    const cwd = folder();
    const [, content = ""] = /```yaml\n(rules:\n.*?)```/s.exec(readFileSync("docs/sandbox.md", "utf8")) ?? [];
    const served = await serveProcess(cwd, { name: "chaos.yaml", content });
    const { code, report } = await sweep(cwd, served.env);
    await served.stop();
    expect([code, report.summary]).toMatchObject([0, { recovered: 10, failed: 2 }]);
    for (const fault of ["rules.0: answer on ", "rules.1: close on ", "rules.2: truncate on "]) {
      expect(served.faults.some((line) => line.startsWith(`chaos: ${fault}`))).toBe(true);
    }
  });

  it("explains with exit 2 what is wrong with a chaos file, and serves nothing", async () => {
    const cwd = folder();
    const content = `
rules:
  - { do: anser }
  - { do: answer, staus: 500 }
  - { do: hang, nth: 2, every: 3 }
  - { do: close, path: "(", on: bukket }
  - { do: delay, by: 3 }
`;
    writeFileSync(join(cwd, "chaos.yaml"), content);
    const { code, stdout, stderr } = await stuckJobs(["sandbox", "serve", "--chaos", "chaos.yaml"], { cwd });
    expect([code, stdout, existsSync(join(cwd, STATE))]).toEqual([2, "", false]);
    for (const line of [
      `rules.0.do: found "anser"; expected 'answer' | 'close'`,
      "rules.1.status: missing",
      'rules.1.staus: unknown key, did you mean "status"?',
      "rules.3.on: found",
      "rules.3.path: found",
      "rules.4.by: found 3",
      "docs/sandbox.md",
    ])
      expect(stderr).toContain(line);
  });

  it("is reset from its own folder, and not from another", async () => {
    const cwd = folder();
    const served = await serveProcess(cwd, CALM);
    await sweep(cwd, served.env);
    const elsewhere = folder();
    copyFileSync(join(cwd, STATE), join(elsewhere, STATE));
    const others = await stuckJobs(["sandbox", "reset"], { cwd: elsewhere });
    expect([others.stderr, existsSync(join(elsewhere, STATE))]).toEqual([
      "Removed the state of the sandboxes in this folder\n",
      false,
    ]);
    const again = await sweep(cwd, served.env);
    const reset = await stuckJobs(["sandbox", "reset"], { cwd });
    const afterReset = await sweep(cwd, served.env);
    await served.stop();
    expect(reset.stderr).toBe("The running sandbox was reset.\n");
    expect([again, afterReset].map(({ report }) => report.summary.recovered)).toEqual([0, 10]);
  });

  it("takes no other port than the one that was asked for", async () => {
    const served = await serveProcess(folder(), CALM);
    const { port } = new URL(served.env.AIRTABLE_ENDPOINT_URL ?? "");
    const { code, stderr } = await stuckJobs(["sandbox", "serve", "--port", port]);
    await served.stop();
    expect([code, stderr]).toEqual([2, expect.stringContaining(`--port: port ${port} is taken`)]);
  });
});

describe("a sweep", () => {
  it("delivers a file again that Airtable dropped, once", async () => {
    const cwd = folder();
    const storm = await serveHere(cwd, { do: "drop-attachment", nth: 1 });
    const first = await sweep(cwd, storm.env);
    await storm.stop();
    expect([first.code, storm.faults.length]).toEqual([0, 1]);
    const [, file = ""] = /\/([^/]+)$/.exec(storm.faults[0] ?? "") ?? [];
    const delivered = first.report.jobs.find(({ output }) => output?.url.endsWith(file));
    const cell = () =>
      stateIn(cwd).base.tables[delivered?.target?.table ?? ""]?.find(({ id }) => id === delivered?.target?.id)?.fields[
        delivered?.target?.field ?? ""
      ];
    expect(cell()).toBeUndefined();

    const calm = await serveHere(cwd);
    const second = await sweep(cwd, calm.env);
    const third = await sweep(cwd, calm.env);
    await calm.stop();
    const retried = ({ report }: typeof second) =>
      report.jobs.filter(({ reason }) => reason === "delivery-retried").map(({ id }) => id);
    expect([retried(second), retried(third)]).toEqual([[delivered?.id], []]);
    expect(cell()).toMatchObject([{ filename: file }]);
  });

  it("starts a listing over whose offset is gone, and shows each job once", async () => {
    const cwd = folder();
    const seeded = await serveHere(cwd);
    await seeded.stop();
    const state = stateIn(cwd);
    const createdTime = new Date(Date.now() - 600_000).toISOString();
    const many = Array.from({ length: 250 }, (_, n) => ({
      id: `recMany${String(n).padStart(10, "0")}`,
      createdTime,
      fields: { Status: "processing", Type: "combine" },
    }));
    const tables = { ...state.base.tables, Jobs: [...(state.base.tables.Jobs ?? []), ...many] };
    startFrom(cwd, { ...state, base: { ...state.base, tables } }, (id) => id.startsWith("recMany"));
    const served = await serveHere(cwd, { do: "expire-listings", on: "base", nth: 2 });
    const { code, report } = await sweep(cwd, served.env);
    await served.stop();
    expect([code, served.faults.length]).toEqual([0, 1]);
    expect(report.jobs.map(({ id }) => id).sort()).toEqual(many.map(({ id }) => id));
  });
});
