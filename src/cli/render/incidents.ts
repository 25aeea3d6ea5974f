import type { Incident } from "../../core/domain/report.ts";
import { pluralize } from "../terminal/format.ts";

/** One line on several jobs that share a cause: "17 jobs since 14:02, same worker: 12 have files, 5 do not". */
export function herdLine({ cause, name, since, jobs, withOutput, withoutOutput, undecided }: Incident): string {
  const from = since === null ? "" : ` since ${new Date(since).toISOString().slice(11, 16)} UTC`;
  switch (cause) {
    case "same-worker":
      return `${pluralize(jobs, "job")}${from}, same worker: ${files(withOutput, withoutOutput, undecided)}`;
    case "same-minute":
      return `${pluralize(jobs, "job")}${from}, made in the same minute: ${files(withOutput, withoutOutput, undecided)}`;
    case "operation-without-output":
      return `Not one of ${pluralize(jobs, `stuck ${name} job`)}${from} has an output: the worker died, or its output names changed`;
    case "provider-silent":
      return `${name} gave no answer for ${pluralize(jobs, "job")}`;
  }
}

function files(withOutput: number, withoutOutput: number, undecided: number): string {
  const parts = [`${withOutput} have files`, `${withoutOutput} do not`];
  return undecided === 0 ? parts.join(", ") : [...parts, `${undecided} are not known`].join(", ");
}
