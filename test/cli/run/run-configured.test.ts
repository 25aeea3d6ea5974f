import { expect, it } from "vitest";
import { runConfigured } from "../../../src/cli/run/run-configured.ts";
import { processTerminal } from "../../../src/cli/terminal/terminal.ts";
import { readEnvironment } from "../../../src/config/env/environment.ts";
import { resolveBases } from "../../../src/config/resolve/bases.ts";
import { never } from "../../support/servers.ts";

it("a person is asked about the jobs of one base at a time", async () => {
  const content = { bases: [{ baseId: "appA" }, { baseId: "appB" }] };
  const [first, ...more] = resolveBases({ path: null, content }, readEnvironment({ AIRTABLE_API_KEY: "a-token" }), {});
  if (first === undefined) throw new Error("there are two");
  const terminal = processTerminal(process);
  const invocation = { command: "recover", flags: { confirm: true, color: false }, env: {}, terminal } as const;
  const stop = { signal: never(), code: () => null, interrupt() {}, dispose() {} };
  const running = runConfigured(invocation, { bases: [first, ...more], isList: true }, "line", stop);
  await expect(running).rejects.toThrow("--confirm: found several bases; expected one, chosen with --base");
});
