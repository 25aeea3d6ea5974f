import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { examinedWorld } from "./doctor-world.ts";

const folder = mkdtempSync(join(tmpdir(), "journal-"));
const file = join(folder, "no-folder");
writeFileSync(file, "");

it("can be written where its folder can be made", async () => {
  const { of } = await examinedWorld({ env: { XDG_STATE_HOME: join(folder, "state") } });
  expect(of("journal")).toMatchObject([{ level: "pass", detail: expect.stringMatching(/ can be written$/) }]);
});

it("is a warning where the state folder cannot be made, and a failure where the configuration names the file", async () => {
  const byDefault = await examinedWorld({ env: { XDG_STATE_HOME: file, STATE_DIRECTORY: "" } });
  expect(byDefault.of("journal")).toMatchObject([{ level: "warn", detail: expect.stringContaining(file) }]);
  const named = await examinedWorld({ yaml: `journal: { path: "${file}/journal.ndjson" }` });
  expect([named.code, named.of("journal")]).toMatchObject([2, [{ level: "fail" }]]);
});

it("is a warning where neither journal nor notes remember what was delivered", async () => {
  const { of } = await examinedWorld({ yaml: "journal: { path: none }\njobs: { fields: { notes: null } }" });
  expect(of("journal")).toMatchObject([{ level: "warn", detail: expect.stringContaining("delivered again") }]);
  const noted = await examinedWorld({ yaml: "journal: { path: none }" });
  expect(noted.of("journal")).toMatchObject([{ level: "pass" }]);
});
