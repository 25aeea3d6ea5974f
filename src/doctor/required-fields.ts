import type { Settings } from "../config/settings.ts";
import { fieldsInNames } from "../core/domain/output-names.ts";
import { isTemplate, type Use } from "./field-types.ts";

/** A field that the configuration names, and its use. */
export interface RequiredField {
  /** The key in the configuration. */
  readonly key: string;
  readonly table: string;
  readonly field: string;
  readonly use: Use;
  /** Whether the configuration may leave it out, with null. */
  readonly optional: boolean;
  /** Whether the base may lack it: true for all links but an operation's first. */
  readonly optionalInBase: boolean;
}

/** Returns the tables that the configuration names, with their keys. */
export function neededTables({ jobs, operations }: Settings): readonly (readonly [key: string, table: string])[] {
  const targets = operations.flatMap(({ name, target, targetKind }) =>
    targetKind === "record" ? [[`operations.${name}.target.table`, target.table] as const] : [],
  );
  return [["jobs.table", jobs.table], ...targets];
}

/** Returns the fields that the configuration names. */
export function neededFields(settings: Settings): readonly RequiredField[] {
  return [...fieldsOfJobs(settings), ...settings.operations.flatMap((operation) => fieldsOf(operation, settings))];
}

const USES: Readonly<Record<keyof Settings["jobs"]["fields"], Use>> = {
  status: { kind: "status" },
  externalId: { kind: "read" },
  ownId: { kind: "read" },
  type: { kind: "read" },
  requestPayload: { kind: "read" },
  responsePayload: { kind: "long-text" },
  webhookUrl: { kind: "read" },
  error: { kind: "long-text" },
  notes: { kind: "long-text" },
  startedAt: { kind: "start" },
  completedAt: { kind: "date" },
};

function fieldsOfJobs({ jobs: { table, fields } }: Settings): readonly RequiredField[] {
  const { status, externalId, ...others } = fields;
  const needed = Object.entries({ status, externalId }).map(([name, field]) => ({ name, field, optional: false }));
  const further = Object.entries(others).flatMap(([name, field]) =>
    field === null ? [] : [{ name, field, optional: true }],
  );
  return [...needed, ...further].map(({ name, field, optional }) => ({
    key: `jobs.fields.${name}`,
    table,
    field,
    use: Object.entries(USES).find(([used]) => used === name)?.[1] ?? { kind: "read" },
    optional,
    optionalInBase: false,
  }));
}

function fieldsOf(operation: Settings["operations"][number], { jobs }: Settings): readonly RequiredField[] {
  const { name, target, attachment, deliver, set } = operation;
  const key = `operations.${name}`;
  const { table } = target;
  const needed = { optional: false, optionalInBase: false };
  return [
    ...fieldsInNames([operation]).map((field) => ({
      key: `${key}.outputs`,
      table: jobs.table,
      field,
      use: { kind: "read" } as const,
      ...needed,
    })),
    ...target.links.map((field, n) => ({
      key: `${key}.target.links`,
      table: jobs.table,
      field,
      use: { kind: "link", to: table } as const,
      optional: false,
      optionalInBase: n > 0,
    })),
    ...(target.key === undefined
      ? []
      : [{ key: `${key}.target.key`, table, field: target.key, use: { kind: "read" } as const, ...needed }]),
    ...(deliver === null
      ? []
      : [
          {
            key: `${key}.${deliver.as === "url" ? "deliver.field" : "attachment"}`,
            table,
            field: attachment,
            use: { kind: deliver.as },
            ...needed,
          },
        ]),
    ...Object.entries(set).map(([field, value]) => ({
      key: `${key}.set`,
      table,
      field,
      use: { kind: "set", value } as const,
      ...needed,
    })),
  ];
}

/** A select option that the configuration names. `needed`: without it nothing is found, or a write is refused. */
export interface Option {
  readonly key: string;
  readonly table: string;
  readonly field: string;
  readonly option: string;
  readonly needed: boolean;
}

/** Returns the select options that the configuration names, whether or not the fields are selects. */
export function neededOptions({ jobs, operations }: Settings): readonly Option[] {
  const { table, fields } = jobs;
  const status = (key: string, option: string) => ({ key, table, field: fields.status, option, needed: true });
  const { type } = fields;
  return [
    ...jobs.stuckStatuses.map((option) => status("jobs.stuckStatuses", option)),
    status("jobs.completedStatus", jobs.completedStatus),
    status("jobs.failedStatus", jobs.failedStatus),
    ...operations.flatMap(({ name, types }) =>
      type === null
        ? []
        : types.map((option) => ({ key: `operations.${name}.types`, table, field: type, option, needed: false })),
    ),
    ...operations.flatMap(({ name, target, set }) =>
      Object.entries(set).flatMap(([field, value]) =>
        typeof value === "string" && !isTemplate(value)
          ? [{ key: `operations.${name}.set.${field}`, table: target.table, field, option: value, needed: true }]
          : [],
      ),
    ),
  ];
}
