import { describe, expect, it } from "vitest";
import { changesSince, NO_ALERTS } from "../../src/monitoring/changes.ts";
import type { RunResult } from "../../src/monitoring/run-result.ts";
import { entry, held, reportOf, resultOf, verdict } from "../support/reports.ts";

/** Returns the messages of each of several runs in a row. */
function messagesOf(runs: readonly RunResult[], failuresOver = 5): readonly (readonly string[])[] {
  let conditions = NO_ALERTS;
  return runs.map((result) => {
    const { after, messages } = changesSince(conditions, result, failuresOver);
    conditions = after;
    return messages;
  });
}

const WELL = resultOf([entry(1)]);
const BRAKED = resultOf([], { report: reportOf([entry(1)], { brake: [held("combine")] }), exitCode: 6 });
const UNKNOWN = resultOf([entry(1, { verdict: verdict("absence-unproven") })]);
const LISTING_FAILED = resultOf([], {
  report: null,
  trouble: { need: "Airtable", detail: "HTTP 503 for the listing" },
  exitCode: 5,
});
const STORAGE_SILENT = resultOf([entry(1, { verdict: verdict("storage-unreachable") })], {
  trouble: { need: "storage", detail: "no answer" },
  exitCode: 5,
});
const failing = (jobs: number) =>
  resultOf(Array.from({ length: jobs }, (_, n) => entry(n, { verdict: verdict("output-absent"), applied: true })));

describe("runs that go well", () => {
  it("tell nothing", () => {
    expect(messagesOf([WELL, resultOf([]), failing(5)])).toEqual([[], [], []]);
  });
});

describe("the brake", () => {
  it("is sent when it starts and when it ends, and not in between", () => {
    const [came, still, went, gone] = messagesOf([BRAKED, BRAKED, WELL, WELL]);
    expect([still, gone]).toEqual([[], []]);
    expect(came).toEqual([expect.stringContaining("The brake holds combine: 9 of 10 stuck jobs")]);
    expect(went).toEqual(["The brake holds combine no longer."]);
  });
  it("is sent for a further operation", () => {
    const both = resultOf([], { report: reportOf([], { brake: [held("combine"), held("concatenate")] }) });
    expect(messagesOf([BRAKED, both])[1]).toEqual([expect.stringContaining("holds concatenate")]);
  });
  it.each([
    ["the listing failed", LISTING_FAILED],
    ["was stopped", resultOf([], { stopped: true, exitCode: 143 })],
    ["was truncated", resultOf([], { report: reportOf([], { truncated: true }) })],
  ])("is not ended by a run that %s", (_, cutShort) => {
    const [, short = [], next = []] = messagesOf([BRAKED, cutShort, BRAKED]);
    expect([...short, ...next].filter((message) => message.includes("brake"))).toEqual([]);
  });
});

describe("runs without a decision", () => {
  it("are sent from the third in a row on, once, and so is their end", () => {
    const runs = messagesOf([UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, WELL]);
    expect(runs.map((messages) => messages.length)).toEqual([0, 0, 1, 0, 1]);
    expect(runs[2]?.[0]).toContain("3 runs in a row: 1 job, all unknown (absence-unproven)");
    expect(runs[4]?.[0]).toContain("can be decided again, after 4 runs");
  });
  it("are counted over runs with nothing to decide, and from 0 after one with a decision", () => {
    expect(messagesOf([UNKNOWN, UNKNOWN, resultOf([]), UNKNOWN]).map(({ length }) => length)).toEqual([0, 0, 0, 1]);
    expect(messagesOf([UNKNOWN, UNKNOWN, WELL, UNKNOWN]).map(({ length }) => length)).toEqual([0, 0, 0, 0]);
  });
  it("are not those whose jobs the brake holds", () => {
    const braked = resultOf([entry(1, { verdict: verdict("brake-engaged") })]);
    expect(messagesOf([braked, braked, braked, braked]).flat()).toEqual([]);
  });
});

describe("what a run cannot do without", () => {
  it("is sent when it cannot be used and when it can again", () => {
    const [down, still, up] = messagesOf([LISTING_FAILED, LISTING_FAILED, WELL]);
    expect(down).toEqual(["Airtable cannot be used: HTTP 503 for the listing"]);
    expect(still).toEqual([]);
    expect(up).toEqual([expect.stringMatching(/^Airtable can be used again, after 2 runs since 20.* UTC\.$/)]);
  });
  it("storage is up again only when it has said something", () => {
    const runs = messagesOf([STORAGE_SILENT, resultOf([]), LISTING_FAILED, WELL]);
    expect(runs[0]).toEqual(["The storage cannot be used: no answer"]);
    expect(runs[1]).toEqual([]);
    expect(runs[2]).toEqual([expect.stringContaining("Airtable cannot")]);
    expect(runs[3]?.map((message) => message.slice(0, 20))).toEqual(["The storage can be u", "Airtable can be used"]);
  });
  it("journal is in order again when something was written", () => {
    const full = resultOf([entry(1)], { trouble: { need: "journal", detail: "ENOSPC" }, exitCode: 3 });
    const wrote = resultOf([entry(1, { verdict: verdict("output-found"), applied: true })]);
    const runs = messagesOf([full, WELL, wrote]);
    expect(runs.map(({ length }) => length)).toEqual([1, 0, 1]);
    expect(runs[0]).toEqual(["The journal cannot be used: ENOSPC"]);
  });
  it("that is silent does not count as undecided as well", () => {
    expect(messagesOf([STORAGE_SILENT, STORAGE_SILENT, STORAGE_SILENT, STORAGE_SILENT]).flat()).toHaveLength(1);
  });
});

describe("failures", () => {
  it("over the limit are sent when a run exceeds it, and again after one that did not", () => {
    const runs = messagesOf([failing(5), failing(6), failing(7), failing(0), failing(6)]);
    expect(runs.map(({ length }) => length)).toEqual([0, 1, 0, 0, 1]);
    expect(runs[1]).toEqual(["6 jobs failed in one run, more than 5: 6 combine."]);
  });
  it("may be sent from the first on", () => {
    expect(messagesOf([failing(1)], 0).flat()).toHaveLength(1);
  });
});

describe("a file that did not arrive", () => {
  it("is sent once for each job", () => {
    const one = entry(1, { verdict: verdict("delivery-failed", "Video is empty, twice") });
    const two = entry(2, { verdict: verdict("delivery-failed", "Video is empty, twice") });
    const runs = messagesOf([resultOf([one]), resultOf([one]), resultOf([one, two])]);
    expect(runs[0]).toEqual(["1 file did not arrive at the target: recJob00000000001 (Video is empty, twice)."]);
    expect(runs[1]).toEqual([]);
    expect(runs[2]).toEqual([expect.stringContaining("recJob00000000002")]);
  });
});

describe("jobs that pass maxAge unresolved", () => {
  const old = (...numbers: readonly number[]) => numbers.map((n) => entry(n, { verdict: verdict("beyond-max-age") }));
  const run = (...numbers: readonly number[]) => resultOf(old(...numbers));

  it("are reported once, together, with what resolves them", () => {
    const [first, again, further] = messagesOf([run(1, 2), run(1, 2), run(1, 2, 3)]);
    expect(first).toEqual([
      "2 jobs passed maxAge unresolved and will not be touched again: recJob00000000001, recJob00000000002. Resolve with stuck-jobs recover --max-age none, or stuck-jobs fail-old.",
    ]);
    expect(again).toEqual([]);
    expect(further).toEqual([expect.stringMatching(/^1 job passed maxAge unresolved .*: recJob00000000003\./)]);
  });
  it("are named up to five", () => {
    const [[message] = []] = messagesOf([run(1, 2, 3, 4, 5, 6, 7)]);
    expect(message).toContain("recJob00000000005, and 2 more.");
  });
  it("are reported again when they were resolved meanwhile, but not after a run that was cut short", () => {
    const cut = resultOf([], { stopped: true });
    expect(messagesOf([run(1), cut, run(1)])).toEqual([[expect.any(String)], [], []]);
    expect(messagesOf([run(1), WELL, run(1)])).toEqual([[expect.any(String)], [], [expect.any(String)]]);
    expect(messagesOf([run(1), LISTING_FAILED, run(1)])[2]).toEqual([expect.stringContaining("can be used again")]);
  });
  it("are no longer reported where a base has thousands of them", () => {
    const many = Array.from({ length: 6_000 }, (_, n) => n);
    expect(messagesOf([run(...many), run(...many), run(...many, 9_000)]).map((messages) => messages.length)).toEqual([
      1, 0, 0,
    ]);
  });
});
