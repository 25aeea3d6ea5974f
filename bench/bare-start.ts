import { readFileSync } from "node:fs";
import { Command } from "commander";
import { defaultLoaders } from "cosmiconfig";
import type { Dispatcher } from "undici";
import Agent from "undici/lib/dispatcher/agent.js";
import * as z from "zod";

/**
 * What the libraries of a start cost without the tool: parses the arguments, reads and checks a YAML file, asks the base
 * once. The tool cannot start faster than this.
 */
const schema = z.object({ preset: z.string().optional(), storage: z.object({ baseUrl: z.url() }).optional() });

await new Command()
  .command("recover")
  .option("--dry-run")
  .action(async () => {
    const name = ".stuck-jobsrc.yaml";
    schema.parse(defaultLoaders[".yaml"](name, readFileSync(name, "utf8")));
    const agent = new Agent();
    JSON.parse(await get(agent, `/v0/${process.env.AIRTABLE_BASE_ID}/Jobs`));
    await agent.close();
  })
  .parseAsync([], { from: "user" });

function get(agent: Dispatcher, path: string): Promise<string> {
  const origin = process.env.AIRTABLE_ENDPOINT_URL ?? "";
  const headers = { authorization: `Bearer ${process.env.AIRTABLE_API_KEY}` };
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    agent.dispatch(
      { origin, path, method: "GET", headers },
      {
        onRequestStart() {},
        onResponseStart() {},
        onResponseData: (_, chunk) => void chunks.push(chunk),
        onResponseEnd: () => resolve(Buffer.concat(chunks).toString()),
        onResponseError: (_, error) => reject(error),
      },
    );
  });
}
