import type { StorageEvidence } from "../src/core/domain/evidence.ts";
import { parsePayload } from "../src/core/domain/payload.ts";
import { decide } from "../src/core/sweep/decide/decide.ts";
import type { Candidate } from "../src/core/sweep/decide/triage.ts";
import { COMBINE, POLICY } from "../test/support/builders.ts";
import { atLeast, type Effort, type Section } from "./result.ts";
import { median } from "./run.ts";

/** How fast the core decides: fast enough that replaying history is free. */
export async function measureDeciding({ full }: Effort): Promise<Section> {
  const rounds = full ? 9 : 5;
  const perSecond = median(Array.from({ length: rounds }, decisions));
  const bytesPerSecond = median(Array.from({ length: rounds }, payloadBytes));
  const millions = (value: number) => `${(value / 1e6).toFixed(1)} million/s`;
  const megabytes = (value: number) => `${(value / 1e6).toFixed(0)} MB/s`;
  return {
    title: "Deciding",
    about: `Medians of ${rounds} rounds, per second of CPU time: of one core.`,
    rows: [
      atLeast("`decide`", perSecond, 1e6, millions),
      atLeast(
        "request payloads parsed (Python literals of the real shape, 300 bytes each)",
        bytesPerSecond,
        50e6,
        megabytes,
      ),
    ],
  };
}

const OUTPUT = { url: "https://x.example/a.mp4", bytes: 1, contentType: null, etag: null, lastModified: null };

const EVIDENCE: readonly StorageEvidence[] = [
  { kind: "present", output: OUTPUT, others: [] },
  { kind: "absent" },
  { kind: "unknown", cause: "unreachable" },
];

function decisions(): number {
  const candidates: readonly Candidate[] = [10, 30, 70, 120].map((minutes) => ({
    operation: COMBINE,
    targetId: "recSegment0000001",
    externalId: "ext-1",
    names: [["ext-1_output_0.mp4"]],
    began: null,
    certainAge: minutes * 60_000,
    age: minutes * 60_000,
  }));
  const times = 1_000_000;
  let recovered = 0;
  const began = process.cpuUsage();
  for (let n = 0; n < times; n += 1) {
    const candidate = candidates[n % candidates.length];
    const storage = EVIDENCE[n % EVIDENCE.length];
    if (candidate === undefined || storage === undefined) continue;
    if (decide(candidate, { storage, provider: null }, POLICY).kind === "recover") recovered += 1;
  }
  if (recovered === 0) throw new Error("nothing was recovered");
  return times / secondsSince(began);
}

function payloadBytes(): number {
  const texts = Array.from(
    { length: 1000 },
    (_, n) =>
      `{'segment_id': 'recSegment000${1000 + n}', 'video_url': 'https://phi-bucket.nyc3.digitaloceanspaces.com/phi-bucket/${n}-aaaa-bbbb.mp4', 'audio_url': 'https://v5.airtableusercontent.com/v3/u/44/44/1750000000000/${n}/voiceover.mp3', 'duration_override': None, 'operation': 'combine', 'volume': 0.2, 'loop': True}`,
  );
  const bytes = texts.reduce((sum, text) => sum + text.length, 0);
  const times = 20;
  const began = process.cpuUsage();
  for (let n = 0; n < times; n += 1) {
    for (const text of texts) if (parsePayload(text).kind === "unreadable") throw new Error(text);
  }
  return (bytes * times) / secondsSince(began);
}

/** Of CPU, so that what else the machine does is not counted. */
function secondsSince(began: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1e6;
}
