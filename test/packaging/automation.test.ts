import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { stuckJobs } from "../e2e/cli.ts";

interface N8nWorkflow {
  readonly nodes: readonly {
    readonly name: string;
    readonly type: string;
    readonly parameters: { readonly command?: string; readonly jsCode?: string };
  }[];
  readonly connections: Readonly<Record<string, { readonly main: readonly (readonly { readonly node: string }[])[] }>>;
  readonly active: boolean;
}

const workflow = (name: string): N8nWorkflow => JSON.parse(readFileSync(`examples/n8n/${name}.json`, "utf8"));

/** Runs the code of a node on the item of the node before it, as n8n does. */
function runCode(jsCode: string, item: Readonly<Record<string, unknown>>) {
  const $input = { first: () => ({ json: item }) };
  const [{ json }] = new Function("$input", jsCode)($input);
  return json;
}

describe("the n8n workflows", () => {
  it.each(["stuck-jobs-sweep", "stuck-jobs-notifications"])("%s connects every node, and is not active", (name) => {
    const { nodes, connections, active } = workflow(name);
    expect(active).toBe(false);
    const linked = Object.values(connections).flatMap(({ main }) => main.flat().map(({ node }) => node));
    const [trigger] = nodes;
    const working = nodes.filter(({ type }) => !type.endsWith(".stickyNote")).map((node) => node.name);
    expect([trigger?.name, ...linked].sort()).toEqual([...working].sort());
  });

  it("read what the program prints, and find what needs a person", async () => {
    const { nodes } = workflow("stuck-jobs-sweep");
    const command = nodes.find(({ parameters }) => parameters.command !== undefined)?.parameters.command ?? "";
    const code = nodes.find(({ parameters }) => parameters.jsCode !== undefined)?.parameters.jsCode ?? "";
    const ran = await stuckJobs([...command.split(" ").slice(1), "--sandbox"], {});
    const read = runCode(code, { stdout: ran.stdout, stderr: ran.stderr, exitCode: ran.code });
    expect(read).toMatchObject({ exitCode: 0, needsPerson: true, summary: { recovered: 10, failed: 2 } });
    expect(read.jobs.map(({ id }: { id: string }) => id)).toEqual(["recEmptyOutput001"]);
  });

  it("need a person where the program could not begin, and none where another run is under way", () => {
    const code =
      workflow("stuck-jobs-sweep").nodes.find(({ parameters }) => parameters.jsCode)?.parameters.jsCode ?? "";
    const wrong = runCode(code, { stdout: "", stderr: "no token", exitCode: 2 });
    expect(wrong).toMatchObject({ needsPerson: true, summary: null, log: "no token" });
    const summary = { stuck: 0, recovered: 0, failed: 0, waiting: 0, skipped: 0, unknown: 0, errors: 0 };
    const calm = runCode(code, { stdout: JSON.stringify({ summary, jobs: [] }), stderr: "", exitCode: 0 });
    expect(calm.needsPerson).toBe(false);
  });
});

describe("the Make blueprint", () => {
  it("begins with a webhook that takes the notification's JSON", () => {
    const { flow } = JSON.parse(readFileSync("examples/make/stuck-jobs-notifications.json", "utf8"));
    const [trigger, mail] = flow;
    expect(trigger.module).toBe("gateway:CustomWebHook");
    expect(trigger.metadata.interface.map(({ name }: { name: string }) => name)).toEqual(["text", "base", "runId"]);
    const used = JSON.stringify(mail).match(/\{\{1\.\w+\}\}/g);
    expect(new Set(used)).toEqual(new Set(["{{1.text}}", "{{1.base}}"]));
  });
});
