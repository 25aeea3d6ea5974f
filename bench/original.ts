import * as z from "zod";
import { BASE_ID } from "./world.ts";

const pageSchema = z.object({
  records: z.array(z.object({ id: z.string(), fields: z.record(z.string(), z.unknown()) })),
  offset: z.string().optional(),
});

/**
 * A restatement of the original poller's pattern of requests, for comparison; it is not its code. It lists the whole
 * Jobs table and filters here, looks at one output after the other, and writes target and job singly. What made it fail
 * on real bases (the field "Created Time", names that are not configured) is granted to it as if it were right.
 */
export async function sweepAsOriginal(env: Readonly<Record<string, string>>): Promise<void> {
  const base = `${env.AIRTABLE_ENDPOINT_URL}/v0/${BASE_ID}`;
  const headers = { authorization: `Bearer ${env.AIRTABLE_API_KEY}`, "content-type": "application/json" };
  const write = async (table: string, id: string, fields: object) => {
    const body = JSON.stringify({ fields });
    const answer = await fetch(`${base}/${table}/${id}`, { method: "PATCH", headers, body });
    if (!answer.ok) throw new Error(`${table}/${id}: HTTP ${answer.status} ${await answer.text()}`);
  };
  const jobs: z.output<typeof pageSchema>["records"] = [];
  let offset: string | undefined;
  do {
    const query = new URLSearchParams({ pageSize: "100", ...(offset === undefined ? {} : { offset }) });
    const answer = await fetch(`${base}/Jobs?${query}`, { headers });
    const page = pageSchema.parse(await answer.json());
    jobs.push(...page.records);
    offset = page.offset;
  } while (offset !== undefined);
  for (const { id, fields } of jobs) {
    if (fields.Status !== "processing") continue;
    const url = `${env.STUCK_JOBS_STORAGE_URL}/${fields["External Job ID"]}_output_0.mp4`;
    const { status } = await fetch(url, { method: "HEAD" });
    if (status !== 200) continue;
    const target = /target_id=(rec\w+)/.exec(String(fields["Webhook URL"]))?.[1] ?? "";
    await write("Segments", target, { "Voiceover + Video": [{ url }] });
    await write("Jobs", id, { Status: "completed" });
  }
}
