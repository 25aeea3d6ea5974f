/**
 * The guards of the product, each with the edit that switches it off. `find` has to stand exactly once in its file:
 * when the code has moved on, the edit has to follow it.
 */
export const MUTANTS = [
  {
    guard: "a job is read again, and one that is closed by then is left alone",
    file: "src/core/guard.ts",
    find: "if (!policy.stuckStatuses.includes(fresh.status)) {",
    replace: "if (fresh.status === 'nothing') {",
  },
  {
    guard: "a job whose external id was changed is left alone",
    file: "src/core/guard.ts",
    find: "if (fresh.externalId !== judged.job.externalId)",
    replace: "if (fresh.externalId === 'nothing')",
  },
  {
    guard: "a job that was begun again is left alone",
    file: "src/core/guard.ts",
    find: "if (!isSameMoment(fresh.since, judged.job.since))",
    replace: "if (fresh.externalId === 'nothing')",
  },
  {
    guard: "a job whose target was changed is left alone",
    file: "src/core/guard.ts",
    find: "if (targetId !== null && id !== targetId) return",
    replace: "if (fresh.externalId === 'nothing') return",
  },
  {
    guard: "a write rests on a read of that moment",
    file: "src/core/apply-recoveries.ts",
    find: "return batch.filter(({ readAt }) => readAt >= oldest);",
    replace: "lost.clear(); return batch;",
  },
  {
    guard: "a target is read again before it is written",
    file: "src/core/apply-recoveries.ts",
    find: 'const target = targets.get(recovery.item.target?.id ?? "");',
    replace: 'const target = { id: recovery.item.target?.id ?? "", attachments: {} };',
  },
  {
    guard: "another file in the target is not overwritten",
    file: "src/core/guard.ts",
    find: "if (other === undefined) return",
    replace: "if (other !== null) return",
  },
  {
    guard: "a newer job's file is not replaced",
    file: "src/core/apply-recoveries.ts",
    find: "each.id !== job.id && !isOlder(each, job)",
    replace: "each.id === 'nothing'",
  },
  {
    guard: "the target is written before the job",
    file: "src/core/apply-recoveries.ts",
    find: "await writeJobs(due.filter(({ targetUpdate }) => targetUpdate === null));",
    replace: "await writeJobs(due);",
  },
  {
    guard: "a job is completed only when its target's write is confirmed",
    file: "src/core/apply-recoveries.ts",
    find: "else lost.set(due.recovery, result.error);",
    replace: "else confirmed(due);",
  },
  {
    guard: "a lost answer is no success",
    file: "src/airtable/writing.ts",
    find: "return updates.map(({ id }) => ({ id, ...written }));\n    case",
    replace: 'return updates.map(({ id }) => ({ id, kind: "confirmed" }));\n    case',
  },
  {
    guard: "a write whose answer was lost is not repeated blindly",
    file: "src/airtable/writing.ts",
    find: "switch (written.kind) {",
    replace:
      'if (written.kind === "unconfirmed" && !signal.aborted) return writeRecords(requests, table, updates, signal);\n  switch (written.kind) {',
  },
  {
    guard: "a refused batch is read again before its halves are written",
    file: "src/airtable/writing.ts",
    find: 'return updates.map(({ id }) => ({ id, kind: "held-up", error: written.error }));',
    replace: "return (await Promise.all(updates.map((each) => writeRecords(requests, table, [each], signal)))).flat();",
  },
  {
    guard: "this run's own write is recognised after its answer was lost",
    file: "src/core/guard.ts",
    find: "if (fresh.status === done.status && ours) return",
    replace: "if (fresh.externalId === 'nothing') return",
  },
  {
    guard: "calibration: a 403 means missing only where it was seen to",
    file: "src/core/evidence.ts",
    find: 'return sighting.cause === "forbidden" && calibration?.kind === "missing-is-403" ? null : sighting.cause;',
    replace: 'return sighting.cause === "forbidden" && calibration !== null ? null : sighting.cause;',
  },
  {
    guard: "unknown is not absent",
    file: "src/core/evidence.ts",
    find: 'if (cause !== undefined) return { kind: "unknown", cause };',
    replace: "",
  },
  {
    guard: "the brake",
    file: "src/core/brake.ts",
    find: "return Math.max(settings.minimum, Math.floor(stuck * settings.share));",
    replace: "return Number.POSITIVE_INFINITY;",
  },
  {
    guard: "the brake counts what was failed before",
    file: "src/core/failing.ts",
    find: "const failedBefore = failedLately.get(operation) ?? 0;",
    replace: "const failedBefore = 0;",
  },
  {
    guard: "a job is looked for again right before it is failed",
    file: "src/core/apply-fails.ts",
    find: "return probedAt !== null && run.clock.now() - probedAt <= PROBE_FRESH_FOR;",
    replace: "return probedAt !== null;",
  },
  {
    guard: "other names are looked for before a job is failed",
    file: "src/core/failing.ts",
    find: "if (calibration !== null) await raiseObjections(next, calibration, run);",
    replace: "",
  },
  {
    guard: "nobody is failed by a clock that is far off",
    file: "src/core/failing.ts",
    find: "if (listing.skewed) {",
    replace: "if (listing.now === 0) {",
  },
  {
    guard: "ages count by the server's clock",
    file: "src/core/server-time.ts",
    find: "(Math.abs(skew) > SKEW_NOTICED ? skew : 0)",
    replace: "0",
  },
  {
    guard: "the newest of several jobs for one target wins",
    file: "src/core/supersede.ts",
    find: "if (other === undefined || isNewer(recovery.item, other.item)) newest.set(key, recovery);",
    replace: "if (other === undefined || isNewer(other.item, recovery.item)) newest.set(key, recovery);",
  },
  {
    guard: "an elder job waits while a newer one is undecided",
    file: "src/core/supersede.ts",
    find: "if (winner !== undefined && open !== undefined && isNewer(open, winner.item)) {",
    replace: "if (winner === null) {",
  },
  {
    guard: "deliveries are verified",
    file: "src/core/sweep.ts",
    find: 'if (run.command !== "scan") cases.push(',
    replace: 'if (run.command === "nothing") cases.push(',
  },
  {
    guard: "a file that was dropped twice is told of",
    file: "src/core/delivery.ts",
    find: "if (undelivered.job.notes.includes(REDELIVERED_MARK)) {",
    replace: "if (undelivered.job.notes.includes(REDELIVERED_MARK)) return null;\n  if (undelivered === null) {",
  },
  {
    guard: "late outputs are recovered",
    file: "src/core/revisit.ts",
    find: "if (!run.lateOutputs) return null;",
    replace: "return null;",
  },
  {
    guard: "what another hand failed stays failed",
    file: "src/core/revisit.ts",
    find: "return ours && now - failedAt <= window;",
    replace: "return now - failedAt <= window;",
  },
  {
    guard: "a job that was opened again counts from then on",
    file: "src/core/revisit.ts",
    find: "if (late) return job;",
    replace: "if (late || job.id !== '') return job;",
  },
  {
    guard: "a dry run writes nothing",
    file: "src/core/apply-recoveries.ts",
    find: "if (run.dryRun) return;",
    replace: "",
  },
  {
    guard: "a listing whose iterator expired starts over",
    file: "src/airtable/listing.ts",
    find: 'if (error instanceof ReadRefused && error.type === "LIST_RECORDS_ITERATOR_NOT_AVAILABLE") return error;',
    replace: "",
  },
  {
    guard: "an answer that is no JSON object is no answer",
    file: "src/airtable/requests.ts",
    find: '? { kind: "unconfirmed", error: "no JSON object came back" }',
    replace: '? { kind: "refused", error: "no JSON object came back" }',
  },
];
