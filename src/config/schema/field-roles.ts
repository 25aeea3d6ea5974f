/** Reports a problem at a path of the configuration. */
export type Report = (path: readonly (string | number)[], message: string) => void;

interface FieldRoles {
  readonly jobs: { readonly fields: Readonly<Record<string, string | null>> };
  readonly operations: Readonly<
    Record<
      string,
      {
        readonly target: unknown;
        readonly deliver?: { readonly field: string } | null | undefined;
        readonly attachment?: string | null | undefined;
        readonly set: Readonly<Record<string, unknown>>;
      }
    >
  >;
}

/** The fields of a job that a run writes. */
const WRITTEN = ["status", "responsePayload", "error", "notes"];

/** What a job is found and proven by: an output, or a value of `set`, must not replace it. */
const KEPT = ["status", "externalId", "responsePayload", "notes"];

/** Reports fields that a run would write for two purposes: one would replace what the other means. */
export function checkFieldRoles({ jobs: { fields }, operations }: FieldRoles, report: Report): void {
  const roles = Object.entries(fields);
  for (const [index, [role, field]] of roles.entries()) {
    const [other] = roles.slice(0, index).find(([, each]) => field !== null && each === field) ?? [];
    if (other === undefined || ![role, other].some((each) => WRITTEN.includes(each))) continue;
    report(
      ["jobs", "fields", role],
      `"${field}" is the field of ${other} as well: writing one would replace the other`,
    );
  }
  const keptBy = (field: string, names: readonly string[]) => names.find((name) => fields[name] === field);
  for (const [name, { target, deliver, attachment, set }] of Object.entries(operations)) {
    const at = ["operations", name];
    const delivered = deliver?.field ?? attachment ?? null;
    if (delivered !== null && delivered in set) {
      report([...at, "set", delivered], `"${delivered}" receives the output`);
    }
    if (target !== "self") continue;
    const replaced = delivered === null ? undefined : keptBy(delivered, [...KEPT, "error"]);
    if (replaced !== undefined) {
      const key = deliver?.field === undefined ? ["attachment"] : ["deliver", "field"];
      report([...at, ...key], `"${delivered}" is jobs.fields.${replaced} as well: the output would replace it`);
    }
    for (const field of Object.keys(set)) {
      const kept = keptBy(field, KEPT);
      if (kept !== undefined)
        report([...at, "set", field], `"${field}" is jobs.fields.${kept}, which a run writes itself`);
    }
  }
}
