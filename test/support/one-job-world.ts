import type { ProbeResult, ProviderAnswer } from "../../src/core/domain/evidence.ts";
import type { Job } from "../../src/core/domain/job.ts";
import type { Operation } from "../../src/core/domain/operation.ts";
import type { Provider } from "../../src/core/ports/ports.ts";
import { sweep } from "../../src/core/sweep/sweep.ts";
import { COMBINE, HOUR, job, POLICY, SEGMENT } from "./builders.ts";
import { FakeBase, FakeBucket, runOf } from "./fakes.ts";
import { addControl, FIELD } from "./sweep-world.ts";

/** Past `failAfter`. */
export const OLD = { age: 2 * HOUR };

/** A base with one stuck combine job, whose external id is `x1`, and an empty bucket. */
export function oneJobWorld(over: Partial<Job> & { age?: number } = {}) {
  const base = new FakeBase([job({ externalId: "x1", ...over })]);
  base.target("Segments", SEGMENT);
  const world = { base, bucket: new FakeBucket() };
  addControl(world);
  return world;
}

/** Sweeps the one job, with an operation that differs from the preset's in `over`, and returns the verdicts. */
export async function swept(
  { base, bucket }: ReturnType<typeof oneJobWorld>,
  over: Partial<Operation> = {},
  run: Partial<Parameters<typeof runOf>[2]> = {},
) {
  const operations = [{ ...COMBINE, ...over }];
  const { report } = await sweep(runOf(base, bucket, { policy: { ...POLICY, operations }, ...run }));
  return report.entries.map(({ verdict, applied }) => `${verdict.kind}: ${verdict.reason}${applied ? "!" : ""}`);
}

/** What the attachment field of the one segment holds. */
export function attached(base: FakeBase) {
  return base.targets.get("Segments")?.get(SEGMENT)?.fields[FIELD];
}

export function jobIn(base: FakeBase) {
  return base.jobs.get("recJob00000000001");
}

/** The fields that all answers of a provider have. */
export const ANSWER = { detail: "done", worker: null };

/** A provider with one answer, whose outputs are there if their URL says "there". */
export function provider(answer: ProviderAnswer): { providers: ReadonlyMap<string, Provider>; asked: string[] } {
  const asked: string[] = [];
  const probe = async (url: string): Promise<ProbeResult> => {
    if (!url.includes("there")) return { result: "absent", url, detail: "HTTP 404" };
    const output = { url, bytes: 5, contentType: null, etag: null, lastModified: null };
    return { result: "present", url, detail: "HTTP 200", output };
  };
  const status = {
    ask: async (externalId: string) => {
      asked.push(externalId);
      return answer;
    },
    requests: () => asked.length,
  };
  const nca: Provider = { url: "https://nca.example", status, probe, requests: () => asked.length };
  return { providers: new Map([["nca", nca]]), asked };
}
