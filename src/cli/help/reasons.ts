import type { REASONS, VerdictKind } from "../../core/domain/verdict.ts";

/** The meaning of a reason, and the action that it asks for; in Markdown. */
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
        "A probe of one of the operation's output names answered 200, with bytes and a plausible type. The target gets the file, then the job becomes `completed`.",
      action: "Nothing.",
    },
    "late-output": {
      means:
        "Polling had failed this job (this tool within `maxAge`, or an earlier poller), and its output has appeared since.",
      action: "Nothing. `lateOutputs: false` turns it off.",
    },
    "delivery-retried": {
      means:
        "This tool completed the job within the last hour, but Airtable dropped the file: the field is empty, or the size differs. The file is written once more.",
      action: "Nothing, unless it comes back as `delivery-failed`.",
    },
    "provider-output": {
      means:
        "The storage has no output, but the provider reports the job as done and names the output's URL, and a probe found the output there.",
      action: "Nothing; or set `outputs` to the names that the provider uses.",
    },
    superseded: {
      means:
        "A newer stuck job has an output for the same target and field. The newer output was delivered, in this sweep or in one that was cut short. This job is completed without writing its file.",
      action: "Nothing. The file stays in the bucket.",
    },
  },
  fail: {
    "output-absent": {
      means:
        "The job is older than `failAfter`, and for every name that the output may have, the bucket gave the answer that it gives for missing objects (calibration, docs/evidence.md).",
      action: "Run the work again. The error field lists what was probed.",
    },
    "provider-failed": {
      means:
        "The provider reports the job as failed. The job is failed at once, at any age, with the provider's reason in the error field.",
      action: "Check the reason, then run the work again.",
    },
  },
  wait: {
    "output-pending": {
      means: "There is no output yet, and the job is younger than `failAfter`.",
      action: "Nothing.",
    },
    "output-not-visible": {
      means: 'The storage answers 403, which means "missing or private", and the job is younger than `failAfter`.',
      action: "Nothing; see `absence-unproven`.",
    },
    "output-incomplete": {
      means:
        "The output consists of several files (`all: true`), some of which exist, and the job is younger than `failAfter`.",
      action: "Nothing: the other files may still be uploaded.",
    },
    "provider-running": {
      means: "The provider reports the job as queued or running, and the job is younger than `providerCap`.",
      action: "Nothing.",
    },
    "fail-disabled": {
      means: "The job would be failed, but `--no-fail` was given.",
      action: "Nothing.",
    },
    "fail-limit": {
      means: "The job would be failed, but this run has already failed `brake.maxFails` jobs.",
      action: "Nothing: the next run continues.",
    },
    "newer-job-undecided": {
      means:
        "The job has an output, but a newer job for the same target may still get one, or could not be completed. The job waits until its own `failAfter` at most.",
      action: "Nothing. If it stays, follow the advice for the newer job's reason.",
    },
    "place-unverified": {
      means:
        "An output was found, but the bucket did not answer for a random key that cannot exist, so the find proves nothing yet.",
      action: "Nothing: the next run asks again.",
    },
    "not-reached": {
      means: "The run ended before this job's turn, at its deadline or by a signal.",
      action: "Nothing: the next run continues. If it stays, raise `--deadline`.",
    },
  },
  skip: {
    "no-external-id": {
      means: "The job has no external id, so there is no file name to probe.",
      action: "Check the worker's log, then set the status by hand.",
    },
    "external-id-invalid": {
      means:
        "The external id holds characters other than `A-Z a-z 0-9 . _ -`, or more than 128. It would become part of a URL and of a formula.",
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
      means: "Neither a link field nor the payload names the record that should get the file, or that record is gone.",
      action: "Link the record.",
    },
    "target-ambiguous": {
      means: "Two sources name different records, or a link field holds several records.",
      action: "Keep only the link to the right record.",
    },
    "target-occupied": {
      means: "The target's field holds another file.",
      action: "Empty the field, or set `onExisting` for the operation.",
    },
    "beyond-max-age": {
      means: "The job is older than `maxAge`, so `recover` leaves it alone.",
      action: "`stuck-jobs fail-old --dry-run`, or `recover --max-age none`.",
    },
    "output-exists": {
      means: "`fail-old` found an output: the job is not failed.",
      action: "`stuck-jobs recover --max-age none --job <id>`",
    },
    "changed-meanwhile": {
      means: "The record had changed when it was read again right before the write: a webhook or a person was faster.",
      action: "Nothing.",
    },
    "delivery-failed": {
      means: "Airtable dropped the file a second time. The job's error field says so.",
      action: "Attach the file by hand; check that Airtable can fetch its URL (public, at most 1 GB).",
    },
    "not-confirmed": {
      means:
        "You answered no when `--confirm` asked about this job; or the job changed, or became stuck, after the plan that you approved.",
      action: "Nothing, or run `recover` again for a new plan.",
    },
  },
  unknown: {
    "age-unknown": {
      means: "The job has no date, an unreadable date, or a date in the future.",
      action: "Check the date field and the machine's clock.",
    },
    "storage-unreachable": {
      means:
        "The storage gave no usable answer: a time-out, a reset, 5xx or 429. If this happens for every job, the exit code is 5.",
      action: "Check the storage's status.",
    },
    "suspect-output": {
      means:
        "The object that was found cannot be the output: it is empty, or of a type (HTML, XML, JSON) that does not fit its name.",
      action: "Check the object; run the work again.",
    },
    "output-incomplete": {
      means: "The output consists of several files, some of which exist; the others did not appear within `failAfter`.",
      action: "Check the worker's log; attach the existing files by hand, or run the work again.",
    },
    "output-under-another-name": {
      means:
        "No output exists under a configured name, but a file exists whose name begins with the external id, or that NCA Toolkit would give it. The detail has that name.",
      action: "Add the name to the operation's `outputs`.",
    },
    "configuration-suspect": {
      means:
        "The operation's newest recorded output is not where the configuration looks, so no job of the operation is failed. The detail names both addresses.",
      action:
        "Correct `storage.baseUrl` or the operation's `outputs`; `stuck-jobs doctor` shows what a run sees. Exit code 6.",
    },
    "place-answers-everything": {
      means:
        "The bucket answers as if a random key existed that cannot exist, so an output that is seen there proves nothing.",
      action: "Correct `storage.baseUrl`: it leads to a server that has a page or a file for every address.",
    },
    "output-predates-job": {
      means:
        "The file was written more than ten minutes before the job began, and its name does not contain the external id: it is the output of an earlier run.",
      action:
        "Name outputs by `{externalId}`, or set `mayPredate` on the pattern if an output may be older than its job.",
    },
    "evidence-contradicts": {
      means:
        "The provider reports the job as done, or the base holds a sign of its output, but the output cannot be seen.",
      action: "Check the provider and the record that the detail names; the output may have been deleted.",
    },
    "provider-silent": {
      means:
        "Only the provider knows where this operation's outputs are, and it no longer knows the job or does not answer.",
      action: "Check the provider.",
    },
    "absence-unproven": {
      means:
        'It could not be shown that the storage\'s answer means "missing", or that an output of the operation can be seen where the configuration looks.',
      action: "Check the bucket, `storage.baseUrl` and `outputs`; `stuck-jobs doctor` probes a known output.",
    },
    "answer-ambiguous": {
      means:
        "The answer proves nothing: a redirect to another host, a cached 404, or an answer that calibration contradicts.",
      action: "Probe the origin, not a CDN; check the region.",
    },
    "brake-engaged": {
      means:
        "Too many jobs of the operation would be failed at once, and no output of the operation could be seen anywhere. Exit code 6.",
      action: "Check the output names and the bucket. Use `--force` only if the jobs really failed.",
    },
    "clock-skew": {
      means:
        "This machine's clock and Airtable's differ by more than 5 minutes, so no age is certain enough to fail a job.",
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

Every job in a report has a verdict and a reason. The list is closed: scripts may rely on it. \`detail\` in the report
adds the particulars. \`stuck-jobs explain <job>\` shows these texts for one job, together with its evidence.
`;

/** Returns what a person does about a reason, as plain text; "" where the reason is not one of the list. */
export function adviceOf(reason: string, failed: boolean): string {
  if (failed) return "Run the job again where it is still wanted; stuck-jobs explain shows what was probed.";
  const texts: readonly Readonly<Record<string, ReasonText>>[] = Object.values(REASON_TEXTS);
  const found = texts.find((reasons) => reason in reasons)?.[reason];
  return (found?.action ?? "").replaceAll("`", "").replace(/\[([^\]]+)\]\([^)]*\)/g, "$1");
}
