import { fileNameOf } from "../core/domain/evidence.ts";
import { isRecordId, type Job } from "../core/domain/job.ts";
import { parseReportedResult } from "../core/domain/response-payload.ts";
import { resolveOperation } from "../core/domain/target.ts";

/** What the jobs of one kind in a sample have in common. */
export interface Usage {
  /** The operation that they name, else their type. */
  readonly name: string;
  /** Whether `name` is a type. */
  readonly isType: boolean;
  readonly jobs: number;
  /** Link fields that are filled, the most used first. */
  readonly links: readonly string[];
  /** Keys of the payload that hold a record's id, the most used first. */
  readonly payloadKeys: readonly string[];
  /** The names of recorded outputs, with {externalId}; the most used first. */
  readonly outputs: readonly string[];
}

/** The result of reading a sample of jobs. */
export interface Sample {
  readonly usages: readonly Usage[];
  /** The prefix of most recorded outputs whose names have the external id; null where none has. */
  readonly storageUrl: string | null;
}

export function readSample(jobs: readonly Job[]): Sample {
  const groups = new Map<string, { isType: boolean; jobs: Job[] }>();
  for (const job of jobs) {
    // No operation is configured yet, so each is unknown, and known only by its name or else its type.
    const lookup = resolveOperation(job, []);
    const name = lookup.kind === "unknown" ? lookup.named : null;
    if (name === null) continue;
    const group = groups.get(name) ?? { isType: name === job.type, jobs: [] };
    group.jobs.push(job);
    groups.set(name, group);
  }
  const usages = [...groups].map(([name, group]) => usageOf(name, group.isType, group.jobs));
  const places = jobs.flatMap((job) => placeOfOutput(job) ?? []).map(({ place }) => place);
  return { usages: usages.toSorted((a, b) => b.jobs - a.jobs), storageUrl: byUse(places)[0] ?? null };
}

function usageOf(name: string, isType: boolean, jobs: readonly Job[]): Usage {
  return {
    name,
    isType,
    jobs: jobs.length,
    links: byUse(jobs.flatMap(({ links }) => Object.keys(links).filter((field) => links[field]?.length !== 0))),
    payloadKeys: byUse(jobs.flatMap(keysOfRecords)),
    outputs: byUse(jobs.flatMap((job) => placeOfOutput(job) ?? []).map(({ pattern }) => pattern)),
  };
}

function keysOfRecords({ payload }: Job): readonly string[] {
  if (payload.kind !== "read") return [];
  return Object.entries(payload.value).flatMap(([key, value]) => (isRecordId(value) ? [key] : []));
}

/** Splits the URL of a job's output into prefix and name, if the name has the external id. */
function placeOfOutput({ responsePayload, externalId }: Job): readonly { place: string; pattern: string }[] | null {
  const { url } = parseReportedResult(responsePayload);
  if (url === null || externalId === null) return null;
  const name = fileNameOf(url);
  if (!name.includes(externalId)) return null;
  const place = url.slice(0, url.lastIndexOf("/"));
  return [{ place, pattern: name.replace(externalId, "{externalId}") }];
}

/** Returns the distinct values, the most frequent first. */
function byUse(all: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const each of all) counts.set(each, (counts.get(each) ?? 0) + 1);
  return [...counts].toSorted(([, a], [, b]) => b - a).map(([each]) => each);
}
