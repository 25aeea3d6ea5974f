import type { Job } from "../../src/core/domain/job.ts";
import type { Entry } from "../../src/core/domain/report.ts";
import { HOUR, job } from "./builders.ts";
import { FakeBase, FakeBucket } from "./fakes.ts";

/** The attachment field of combine's targets. */
export const FIELD = "Voiceover + Video";

/** A combine job with a segment of its own and the external id `x<n>`; its output is named `x<n>_output_0.mp4`. */
export function combine(n: number, over: Partial<Job> & { age?: number } = {}): Job {
  const suffix = String(n).padStart(7, "0");
  return job({
    id: `recJobs000${suffix}`,
    externalId: `x${n}`,
    links: { Segments: [`recSegs000${suffix}`] },
    ...over,
  });
}

/** A base with these jobs and their segments, and an empty bucket. */
export function worldOf(jobs: readonly Job[]) {
  const base = new FakeBase(jobs);
  const bucket = new FakeBucket();
  for (const { links } of jobs) for (const id of links.Segments ?? []) base.target("Segments", id);
  addControl({ base, bucket });
  return { base, bucket };
}

/** Adds a completed job of yesterday whose output is in the bucket: the sight without which nothing is failed. */
export function addControl({ base, bucket }: { readonly base: FakeBase; readonly bucket: FakeBucket }): void {
  base.known = [job({ id: "recKnown000000001", externalId: "known", status: "completed", age: 20 * HOUR })];
  bucket.objects.set("known_output_0.mp4", 1_000);
}

/** The verdicts in alphabetical order, with a "!" after those that were applied. */
export function verdicts(entries: readonly Entry[]) {
  return entries.map(({ verdict, applied }) => `${verdict.kind}: ${verdict.reason}${applied ? "!" : ""}`).toSorted();
}

/** How often each word occurs. */
export function counted(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}
