import type { FieldNames } from "./jobs-table.ts";
import type { OperationConfig } from "./operations.ts";

/** What every configuration says, as far as a database needs it. */
interface CommonPlan {
  readonly table: string;
  readonly fields: FieldNames;
  readonly statuses: { readonly stuck: readonly string[]; readonly completed: string; readonly failed: string };
  readonly storageUrl: string | null;
  readonly operations: ReadonlyMap<string, OperationConfig>;
}

/** What a configuration over a database says beside what every configuration says. */
export interface DatabasePlan {
  /** The column that names one job. */
  readonly id: string;
  /** The column by which targets are named, by the job's column that names them, or by their table where the payload does. */
  readonly keys: ReadonlyMap<string, string>;
}

/** The column that names a target where nothing else is configured. */
const DEFAULT_KEY = "id";

/** Returns the content of a configuration over PostgreSQL. */
export function postgresContent(
  { table, fields, statuses, storageUrl, operations }: CommonPlan,
  { id, keys }: DatabasePlan,
) {
  const isDefault = statuses.stuck.length === 1 && statuses.stuck[0] === "processing";
  return {
    store: "postgres",
    jobs: {
      table,
      id,
      fields: Object.fromEntries(Object.entries(fields).filter(([, name]) => name !== null)),
      ...(isDefault ? {} : { stuckStatuses: statuses.stuck }),
      ...(statuses.completed === "completed" ? {} : { completedStatus: statuses.completed }),
      ...(statuses.failed === "failed" ? {} : { failedStatus: statuses.failed }),
    },
    ...(storageUrl === null ? {} : { storage: { baseUrl: storageUrl } }),
    operations: Object.fromEntries([...operations].map(([name, operation]) => [name, withColumns(operation, keys)])),
  };
}

/** A foreign key takes the place of link fields. */
function withColumns(operation: OperationConfig, keys: DatabasePlan["keys"]) {
  const { target } = operation;
  if (typeof target === "string") return operation;
  const { table, links = [], payloadKeys = [] } = target;
  const [from] = links;
  const key = keys.get(from ?? table) ?? DEFAULT_KEY;
  return {
    ...operation,
    target: {
      table,
      ...(key === DEFAULT_KEY ? {} : { key }),
      ...(from === undefined ? {} : { from }),
      ...(payloadKeys.length === 0 ? {} : { payloadKeys }),
    },
  };
}
