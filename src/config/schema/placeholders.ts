/** Placeholders of output names; one of the first three has to be in a name, so that it is the name of one job's output. */
const IDS = ["externalId", "jobId", "recordId"];

/** The parts of a date in `{startedAt:yyyy/MM/dd}`, in UTC. */
const DATE_FORMAT = /^(?:yyyy|MM|dd|HH|mm|[-_./])+$/;

const KNOWN_IN_NAMES =
  "{externalId}, {jobId}, {recordId}, {n}, {payload.some_key}, {field.Some Field}, {startedAt:yyyy/MM/dd}";

const KNOWN_IN_SET = ["url", "externalId", "bytes", "now"];

/** Returns what is wrong with an output's name, which may have folders; null where nothing is. */
export function nameProblem(name: string): string | null {
  const placeholders = [...name.matchAll(/\{([^{}]*)\}/g)].map(([, key = ""]) => key);
  const [stray] = name.replace(/\{[^{}]*\}/g, "").match(/[{}]/) ?? [];
  const unknown = placeholders.find((key) => !isKnownInName(key));
  if (unknown !== undefined) return `{${unknown}} is not known; allowed: ${KNOWN_IN_NAMES}`;
  if (stray !== undefined) return `found a single "${stray}"; allowed: ${KNOWN_IN_NAMES}`;
  if (!placeholders.some((key) => IDS.includes(key))) {
    return "expected a file name with {externalId}, {jobId} or {recordId} in it";
  }
  if (/%[0-9a-f]{2}/i.test(name)) return "found an encoded character; write the character itself, and folders with /";
  if (name.includes("\\")) return "found a backslash; write folders with /";
  const segments = name.replace(/\{startedAt:([^{}]*)\}/g, "$1").split("/");
  if (segments.some((segment) => segment === ""))
    return "found an empty folder; expected no / at the start, the end, or beside another";
  if (segments.some((segment) => /^\.{1,2}$/.test(segment))) return 'found "." or ".." as a folder; expected its name';
  return null;
}

function isKnownInName(key: string): boolean {
  if (IDS.includes(key) || key === "n") return true;
  if (key.startsWith("startedAt:")) return DATE_FORMAT.test(key.slice("startedAt:".length));
  return /^(?:payload|field)\../.test(key);
}

/** Returns what is wrong with a value of `set`; null where nothing is. Braces that are no placeholder are text. */
export function setProblem(value: string): string | null {
  const unknown = [...value.matchAll(/\{([A-Za-z][\w.:]*)\}/g)].find(([, key = ""]) => !KNOWN_IN_SET.includes(key));
  if (unknown === undefined) return null;
  return `${unknown[0]} is not known; allowed: ${KNOWN_IN_SET.map((key) => `{${key}}`).join(", ")}`;
}
