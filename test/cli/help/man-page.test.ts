import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import packageJson from "../../../package.json" with { type: "json" };
import { EXIT } from "../../../src/cli/exit-codes.ts";
import { currentManPage } from "../../../src/cli/help/man-page.ts";
import { ENVIRONMENT_TOPICS, EXIT_TOPICS, exitCodesInShort } from "../../../src/cli/help/topics.ts";
import { readEnvironment } from "../../../src/config/env/environment.ts";

const page = readFileSync("man/stuck-jobs.1", "utf8");

it("the man page is what the help says (else: npm run man)", async () => {
  expect(page).toBe(await currentManPage());
  expect([packageJson.man, packageJson.files]).toEqual([["./man/stuck-jobs.1"], expect.arrayContaining(["man"])]);
});

it("the man page is plain ASCII, with no line that roff would take for a request of its own", () => {
  const requests = page.split("\n").filter((line) => /^[.']/.test(line));
  const known = /^\.(\\"|TH|SH|SS|TP|PP|B|I|BR|br|nf|fi|nh|ad)( |$)/;
  expect(requests.filter((line) => !known.test(line))).toEqual([]);
  expect(page).not.toMatch(/[^\n -~]/);
});

it("explains every exit code that the program has", () => {
  const explained = EXIT_TOPICS.flatMap(({ codes }) => codes.split("/").map(Number));
  expect(explained).toEqual(Object.values(EXIT));
});

it("explains every variable that is read", () => {
  const read = new Set<string>();
  const env = new Proxy<Record<string, string | undefined>>(
    {},
    {
      get(_, name) {
        if (typeof name === "string") read.add(name);
        return undefined;
      },
    },
  );
  readEnvironment(env);
  const explained = ENVIRONMENT_TOPICS.flatMap(({ names }) => names);
  const missing = [...read].filter(
    (name) => !explained.includes(name) && !explained.includes(name.replace(/_FILE$/, "")),
  );
  expect([read.size > 20, missing]).toEqual([true, []]);
});

it.each([60, 100])("breaks the help's paragraph on exit codes at %s columns, and between codes only", (width) => {
  const lines = exitCodesInShort(width).split("\n");
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
  for (const line of lines.slice(1)) expect(line).toMatch(/^ {2}\d/);
});
