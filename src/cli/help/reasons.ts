import type { REASONS, VerdictKind } from "../../core/domain/verdict.ts";

/** What a reason means, and what to do about it; in Markdown. */
export interface ReasonText {
  readonly means: string;
  readonly action: string;
}

/** The headings of docs/reasons.md. */
export const VERDICT_TITLES: Readonly<Record<VerdictKind, string>> = {
  recover: "the output exists",
  fail: "the output is proven absent",
  wait: "too early to decide",
  skip: "needs a person",
  unknown: "nothing is known, so nothing is done",
};

/** Every reason by its verdict; docs/reasons.md is made of these by `npm run docs:reasons`. */
export const REASON_TEXTS: {
  readonly [K in VerdictKind]: { readonly [R in (typeof REASONS)[K][number]]: ReasonText };
} = {
  recover: {
    "output-found": {
      means:
        "One of the operation's output names answered 200, with bytes and a plausible type. The target gets the file, then the job becomes `completed`.",
      action: "Nothing.",
    },
    "late-output": {
      means:
        "Polling had failed this job (this tool within `maxAge`, or the poller before it), and its output has turned up since.",
      action: "Nothing. `lateOutputs: false` turns it off.",
    },
    "delivery-retried": {
      means:
        "This tool completed the job within the last hour, but Airtable dropped the file: the field is empty, or the size differs. It is written once more.",
      action: "Nothing, unless it comes back as `delivery-failed`.",
    },
    "provider-output": {
      means:
        "The output is not where the storage has it, but the provider says that it is done and names it, and it answers there.",
      action: "Nothing; or set `outputs` to what the provider calls them.",
    },
    superseded: {
      means:
        "A newer stuck job has an output for the same target and field. That one was delivered, in this sweep or in one that was cut short; this job is completed, its file is not written.",
      action: "Nothing. The file stays in the bucket.",
    },
  },
  fail: {
    "output-absent": {
      means:
        "Older than `failAfter`, and every name the output may have is answered as this bucket answers what is missing (calibration, docs/evidence.md).",
      action: "Run the work again. The error field lists what was probed.",
    },
    "provider-failed": {
      means:
        "The provider says that the job failed. Its own reason is in the error field. It is failed at once, whatever its age.",
      action: "Check the reason, then run the work again.",
    },
  },
  wait: {
    "output-pending": {
      means: "No output, but younger than `failAfter`.",
      action: "Nothing.",
    },
    "output-not-visible": {
      means: 'The storage answers 403, which is "missing or private"; younger than `failAfter`.',
      action: "Nothing; see `absence-unproven`.",
    },
    "output-incomplete": {
      means: "Of an output in several files (`all: true`) some are there; younger than `failAfter`.",
      action: "Nothing: the others are being uploaded.",
    },
    "provider-running": {
      means: "The provider says that the job is queued or at work, for no longer than `providerCap`.",
      action: "Nothing.",
    },
    "fail-disabled": {
      means: "Would be failed, but `--no-fail` was given.",
      action: "Nothing.",
    },
    "fail-limit": {
      means: "Would be failed, but `brake.maxFails` were failed in this run already.",
      action: "Nothing: the next run goes on.",
    },
    "newer-job-undecided": {
      means:
        "Has an output, but a newer job for the same target may yet have one, or that job could not be completed. It waits no longer than until its own `failAfter`.",
      action: "Nothing. If it stays, see what the newer job's own reason asks for.",
    },
    "place-unverified": {
      means:
        "An output was found, but the bucket gave no answer for a key that nobody has, so finding it proves nothing yet.",
      action: "Nothing: the next run asks again.",
    },
    "not-reached": {
      means: "The run ended before this job's turn: the deadline, or a signal.",
      action: "Nothing: the next run goes on. If it stays, raise `--deadline`.",
    },
  },
  skip: {
    "no-external-id": {
      means: "The job has no external id, so there is no file name to probe.",
      action: "Check the worker's log, then set the status by hand.",
    },
    "external-id-invalid": {
      means:
        "The external id is not of the form `A-Z a-z 0-9 . _ -`, 1 to 128 characters. It would become part of an URL and of a formula.",
      action: "Correct the id.",
    },
    "payload-unreadable": {
      means:
        "The request payload is neither JSON nor a Python literal, and nothing else names the operation, the target or a part of the output's name.",
      action: "Correct the payload.",
    },
    "output-name-incomplete": {
      means:
        "An output's name needs a value that the record does not have (`{payload.some_key}`, `{field.Some Field}`, the count of `{n}`).",
      action: "Correct the payload or the pattern.",
    },
    "operation-unknown": {
      means: "The payload or the webhook URL names an operation that is not configured, or nothing names one.",
      action: "Add the operation to the configuration.",
    },
    "target-missing": {
      means: "Neither a link field nor the payload names the record that is to get the file, or that record is gone.",
      action: "Link the record.",
    },
    "target-ambiguous": {
      means: "Two sources name different records, or a link field holds several.",
      action: "Leave only the right one.",
    },
    "target-occupied": {
      means: "The target's field holds another file.",
      action: "Empty the field, or set `onExisting` for the operation.",
    },
    "beyond-max-age": {
      means: "Older than `maxAge`. `recover` leaves it.",
      action: "`stuck-jobs fail-old --dry-run`, or `recover --max-age none`.",
    },
    "output-exists": {
      means: "`fail-old` found an output: the job is not failed.",
      action: "`stuck-jobs recover --max-age none --job <id>`",
    },
    "changed-meanwhile": {
      means: "When it was read again, right before the write, it had changed: a webhook or a person was faster.",
      action: "Nothing.",
    },
    "delivery-failed": {
      means: "Airtable dropped the file a second time. The job has an error note.",
      action: "Attach the file by hand; check that Airtable can fetch its URL (public, at most 1 GB).",
    },
    "not-confirmed": {
      means: "Answered with no at `--confirm`.",
      action: "Nothing.",
    },
  },
  unknown: {
    "age-unknown": {
      means: "The job has no date, one that cannot be read, or one in the future.",
      action: "Check the date field and the machine's clock.",
    },
    "storage-unreachable": {
      means:
        "Time-outs, resets, 5xx, 429: no answer that says anything. When this is so for every job, the exit code is 5.",
      action: "Check the storage's status.",
    },
    "suspect-output": {
      means: "Something is there that cannot be the output: no bytes, HTML, XML.",
      action: "Check the object; run the work again.",
    },
    "output-incomplete": {
      means: "Of an output in several files some are there, and the others did not come within `failAfter`.",
      action: "Check the worker's log; attach by hand what is there, or run the work again.",
    },
    "output-under-another-name": {
      means:
        "No configured name is there, but something else that begins with the external id, or that NCA would call so: it is named.",
      action: "Add the name to the operation's `outputs`.",
    },
    "configuration-suspect": {
      means:
        "The newest output on record of the operation is not where the configuration looks, so nothing of the operation is failed. The detail names both addresses.",
      action:
        "Correct storage.baseUrl or the operation's outputs; `stuck-jobs doctor` shows what a run sees. Exit code 6.",
    },
    "place-answers-everything": {
      means: "The bucket answers as if it had a key that nobody has: an output that is seen there proves nothing.",
      action: "Correct storage.baseUrl: it leads to a server that has a page or a file for every address.",
    },
    "output-predates-job": {
      means:
        "The file was written more than ten minutes before the job began, under a name that does not hold the external id: it is the output of an earlier run.",
      action:
        "Name outputs by {externalId}, or set mayPredate on the pattern where an output may be older than its job.",
    },
    "evidence-contradicts": {
      means: "The provider says that it is done, and its output cannot be seen.",
      action: "Check the provider; its results may be deleted by now.",
    },
    "provider-silent": {
      means: "Only the provider knows where this operation's outputs are, and it forgot the job or does not answer.",
      action: "Check the provider.",
    },
    "absence-unproven": {
      means: 'The storage answers 403, and calibration could not show that this means "missing".',
      action: "Check the bucket and `storage.baseUrl`.",
    },
    "answer-ambiguous": {
      means: "A redirect to elsewhere, a cached 404, an answer that calibration contradicts.",
      action: "Probe the origin, not a CDN; check the region.",
    },
    "brake-engaged": {
      means:
        "Too many jobs of the operation would be failed at once and no output of it could be seen anywhere. Exit code 6.",
      action: "Check output names and bucket; `--force` if they truly died.",
    },
    "clock-skew": {
      means:
        "This machine's clock and Airtable's differ by more than 5 minutes: no age is certain enough to fail a job.",
      action: "Set the clock.",
    },
  },
};

/** Returns the text for a verdict's reason. */
export function reasonText(kind: VerdictKind, reason: string): ReasonText {
  const texts: Readonly<Record<string, ReasonText>> = REASON_TEXTS[kind];
  return texts[reason] ?? { means: reason, action: "" };
}

/** Returns the content of docs/reasons.md. */
export function reasonsPage(): string {
  const sections = Object.entries(REASON_TEXTS).map(([kind, reasons]) => {
    const title = Object.entries(VERDICT_TITLES).find(([name]) => name === kind)?.[1] ?? "";
    const rows = Object.entries(reasons).map(
      ([reason, { means, action }]) => `| \`${reason}\` | ${means} | ${action} |\n`,
    );
    return `## ${kind}: ${title}\n\n| reason | meaning | what to do |\n|---|---|---|\n${rows.join("")}`;
  });
  return `${HEAD}\n${sections.join("\n")}`;
}

const HEAD = `# Reasons

Every job in a report has a verdict and a reason. The list is closed: a script may rely on it. \`detail\` in the report
adds the particulars. \`stuck-jobs explain <job>\` says for one job what is in this table, and the evidence with it.
`;

/** Returns what a person does about a reason, as plain text; "" where the reason is not one of the list. */
export function adviceOf(reason: string, failed: boolean): string {
  if (failed) return "Run the job again where it is still wanted; stuck-jobs explain shows what was probed.";
  const texts: readonly Readonly<Record<string, ReasonText>>[] = Object.values(REASON_TEXTS);
  const found = texts.find((reasons) => reason in reasons)?.[reason];
  return (found?.action ?? "").replaceAll("`", "").replace(/\[([^\]]+)\]\([^)]*\)/g, "$1");
}
