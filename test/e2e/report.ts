import * as z from "zod";

const sighting = z.strictObject({
  source: z.string(),
  url: z.string(),
  result: z.enum(["present", "absent", "unknown"]),
  detail: z.string(),
});

const base = z.strictObject({ name: z.string(), id: z.string() });

const job = z.strictObject({
  base: base.optional(),
  id: z.string(),
  externalId: z.string().nullable(),
  type: z.string().nullable(),
  operation: z.string().nullable(),
  status: z.string(),
  ageSeconds: z.int().nullable(),
  verdict: z.enum(["recover", "fail", "wait", "skip", "unknown"]),
  reason: z.string(),
  detail: z.string(),
  applied: z.boolean(),
  output: z
    .strictObject({
      url: z.string(),
      bytes: z.number(),
      contentType: z.string().nullable(),
      lastModified: z.string().nullable(),
    })
    .nullable(),
  target: z.strictObject({ table: z.string(), id: z.string(), field: z.string() }).nullable(),
  evidence: z.array(sighting),
  error: z.string().nullable(),
  usual: z.strictObject({ p50Seconds: z.int(), p99Seconds: z.int(), from: z.int() }).optional(),
});

const head = z.strictObject({
  schema: z.literal("stuck-jobs/report@1"),
  base: base.optional(),
  command: z.enum(["scan", "recover", "fail-old"]),
  dryRun: z.boolean(),
  runId: z.string(),
  version: z.string(),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
  durationMs: z.number(),
  truncated: z.boolean(),
  summary: z.strictObject({
    stuck: z.int(),
    recovered: z.int(),
    failed: z.int(),
    waiting: z.int(),
    skipped: z.int(),
    unknown: z.int(),
    errors: z.int(),
  }),
  requests: z.strictObject({ airtable: z.int(), storage: z.int(), provider: z.int() }),
  incidents: z.array(z.object({ cause: z.string(), name: z.string(), since: z.string().nullable(), jobs: z.int() })),
  brake: z.object({ operations: z.array(z.object({ operation: z.string() })) }).nullable(),
});

const report = head.extend({ jobs: z.array(job) });

export type ReportJson = z.output<typeof report>;

const total = head
  .pick({ command: true, dryRun: true, version: true, startedAt: true, finishedAt: true, durationMs: true })
  .extend({
    schema: z.literal("stuck-jobs/reports@1"),
    summary: head.shape.summary,
    requests: head.shape.requests,
    faults: z.array(z.strictObject({ base, message: z.string(), exitCode: z.int() })),
  })
  .strict();

/** The reports of several bases as one document. */
export function reportsIn(stdout: string) {
  return total.extend({ reports: z.array(report) }).parse(JSON.parse(stdout));
}

/** The lines of ndjson for several bases: jobs, a summary for each base, the total. */
export function manyLinesIn(stdout: string) {
  const lines: readonly unknown[] = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const rest = lines.slice(0, -1);
  const isSummary = (line: unknown) => head.safeParse(line).success;
  return {
    jobs: rest.filter((line) => !isSummary(line)).map((line) => job.parse(line)),
    summaries: rest.filter(isSummary).map((line) => head.parse(line)),
    total: total.parse(lines.at(-1)),
  };
}

/** The contract's report, shape and all; what is not in it is refused. */
export function reportIn(stdout: string): ReportJson {
  return report.parse(JSON.parse(stdout));
}

/** The lines of ndjson: jobs, then the summary. */
export function linesIn(stdout: string) {
  const lines = stdout.trimEnd().split("\n");
  const last = lines.pop() ?? "";
  return { jobs: lines.map((line) => job.parse(JSON.parse(line))), summary: head.parse(JSON.parse(last)) };
}

/** `id verdict/reason` of every job, sorted: what two reports may be compared by. */
export function verdictsIn({ jobs }: ReportJson): readonly string[] {
  return jobs.map(({ id, verdict, reason }) => `${id} ${verdict}/${reason}`).sort();
}
