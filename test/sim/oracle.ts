import { HOUR, MINUTE } from "../support/world.ts";
import { filesIn } from "./invariants.ts";
import type { World } from "./world.ts";

/**
 * What has to become of each job once the world is calm, from the rules of the domain alone. Several answers where the
 * rules leave it to the brake.
 */
export function predict(world: World): ReadonlyMap<string, readonly string[]> {
  const { base, clock, scenario, objects } = world;
  return new Map(
    scenario.jobs.flatMap((job): readonly [string, readonly string[]][] => {
      const record = base.record("Jobs", job.id);
      if (record === undefined) return [];
      const status = String(record.fields.Status);
      const stays: [string, readonly string[]] = [job.id, [status]];
      const age = clock.now() - job.createdAt;
      const late = status === "failed" && String(record.fields.Notes).includes("Failed via polling at ");
      const id = String(record.fields["External Job ID"]);
      if ((status !== "processing" && !late) || age <= 5 * MINUTE || age > 24 * HOUR || /[ /]/.test(id)) return [stays];
      const names = [`${id}_output_0.mp4`, ...(job.operation === "concatenate" ? [`${id}.mp4`] : [])];
      const cell = base.record(world.tableOf(job), job.targetId);
      if (!scenario.wrongBucket && names.some((name) => objects.has(name))) {
        const rival = scenario.jobs.some(({ targetId, id }) => targetId === job.targetId && id !== job.id);
        const free =
          cell !== undefined && filesIn(cell.fields[world.fieldOf(job)]).every((name) => names.includes(name));
        return [rival ? [job.id, ["completed", status]] : free ? [job.id, ["completed"]] : stays];
      }
      if (late || age <= HOUR) return [stays];
      return [[job.id, scenario.history && !scenario.wrongBucket ? ["failed"] : ["failed", status]]];
    }),
  );
}
