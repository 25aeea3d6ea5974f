import { COMPLETED_PREFIX, FAILED_PREFIX } from "../../src/core/domain/notes.ts";
import type { Event } from "./events.ts";
import { filesWith } from "./operations.ts";
import { type Cells, fileIn, type JobNow, PLACE, payloadFor, type World } from "./world.ts";

/** Carries out what someone else does. Nobody can do anything to a deleted record. */
export function applyEvent(event: Event, world: World): void {
  world.watch();
  world.log(`${event.kind} ${"job" in event ? event.job.id : "fileName" in event ? event.fileName : ""}`);
  if (event.kind === "output") world.put(event.fileName, event.at);
  if (event.kind === "vanish") world.objects.delete(event.fileName);
  if (event.kind === "burst") useUp(world);
  if (!("job" in event)) return;
  const job = world.job(event.job.id);
  if (job === undefined) return;
  switch (event.kind) {
    case "webhook-success": {
      const files = filesWith(event.fileName);
      if (files.some((file) => !world.objects.has(file))) return;
      fill(job, files, world);
      close(job, { Status: "completed", "Response Payload": `{'output_url': '${PLACE}/${event.fileName}'}` }, world);
      return;
    }
    case "webhook-failure":
      if (event.blunt || job.status === "processing") {
        close(job, { Status: "failed", "Error Details": "ffmpeg died" }, world);
      }
      return;
    case "set-status":
      close(job, { Status: event.status, ...(event.error === null ? {} : { "Error Details": event.error }) }, world);
      return;
    case "rerun":
      reopen(job, { Status: "processing", "External Job ID": event.externalId }, world);
      return;
    case "reopen":
      reopen(job, { Status: "processing" }, world);
      return;
    case "correct-id":
      world.base.edit("Jobs", job.id, { "External Job ID": event.externalId });
      return;
    case "edit-notes": {
      const notes = event.where === "above" ? `seen\n${job.notes}` : `${job.notes}\nseen`;
      world.base.edit("Jobs", job.id, { Notes: notes.slice(-100_000) });
      return;
    }
    case "delete-job":
      world.base.remove("Jobs", job.id);
      return;
    case "delete-target":
      world.base.remove(world.tableOf(job), job.targetId);
      return;
    case "move-target":
      world.base.edit("Jobs", job.id, { "Request Payload": payloadFor(job.operation, event.targetId) });
      return;
    case "occupy-target":
      fill(job, filesWith(event.fileName), world, { size: 5, bare: event.bare });
      return;
    case "empty-target":
      if (world.base.record(world.tableOf(job), job.targetId) === undefined) return;
      world.base.edit(world.tableOf(job), job.targetId, { [world.fieldOf(job)]: null });
      return;
  }
}

/** Puts files that Airtable need not fetch into the job's target, in the place of what is there. */
function fill(
  job: JobNow,
  keys: readonly string[],
  world: World,
  { size, bare }: { readonly size: number | null; readonly bare: boolean } = { size: null, bare: false },
): void {
  if (world.base.record(world.tableOf(job), job.targetId) === undefined) return;
  const files = keys.map((key, n) => {
    const id = `attHand${n}${String(world.story.length).padStart(9, "0")}`;
    const bytes = size ?? world.objects.get(key)?.bytes ?? 0;
    const file = { url: "https://airtable.example/f", filename: fileIn(key), size: bytes };
    return bare ? file : { id, ...file };
  });
  world.base.edit(world.tableOf(job), job.targetId, { [world.fieldOf(job)]: files });
}

/** Where nothing in the record distinguishes the new state from the old one, it is still the tool's. */
function close(job: JobNow, fields: Cells, world: World): void {
  const wasFailedByPolling = world.authors.get(job.id) === "polling" && job.status === "failed";
  const same = wasFailedByPolling && fields.Status === "failed" && (fields["Error Details"] ?? job.error) === job.error;
  const unseen = fields.Status === "failed" && fields["Error Details"] === undefined && looksFailedByPolling(job);
  if (!same) {
    world.authors.set(job.id, unseen ? "polling" : "other");
    if (job.status !== "processing") count(job, world);
  }
  world.base.edit("Jobs", job.id, fields);
}

function reopen(job: JobNow, opened: Cells, world: World): void {
  const started = { "Started At": world.startedNow(world.clock.now()) };
  const fields = world.scenario.startedAt === null ? opened : { ...opened, ...started };
  world.authors.set(job.id, "other");
  if (job.status !== "processing") count(job, world);
  world.base.edit("Jobs", job.id, fields);
}

function count({ id }: JobNow, world: World): void {
  world.reopenings.set(id, (world.reopenings.get(id) ?? 0) + 1);
}

/** The tool's line is the last, and its error is in the cell: set to failed by hand now, it looks as it did before. */
function looksFailedByPolling({ notes, error }: JobNow): boolean {
  return notes.lastIndexOf(FAILED_PREFIX) > notes.lastIndexOf(COMPLETED_PREFIX) && error.includes("Set to failed by");
}

/** Six requests at once: one more than the base takes in a second. */
function useUp({ base, clock }: World): void {
  for (let n = 0; n < 6; n += 1) {
    base.handle({ method: "GET", path: "/", query: new URLSearchParams(), headers: {}, body: "" }, clock.now());
  }
}
