import type { DeliveryField, Operation, Thresholds, Via } from "../../core/domain/operation.ts";
import type { Config } from "../schema/config.ts";
import { ANY_TYPE } from "../schema/operations.ts";
import { fieldLabel, tableLabel } from "./postgres.ts";

type ConfiguredOperation = Config["operations"][string];

/** Returns the operations of a checked configuration, with what is general and what is short written out. */
export function resolveOperations(
  { operations, webhooks, jobs, store }: Config,
  via: Via | undefined,
  thresholdsOf: (own: ConfiguredOperation["thresholds"]) => Thresholds,
): readonly Operation[] {
  const isLone = Object.keys(operations).length === 1;
  return Object.entries(operations).map(([name, operation]) => {
    const { types, target, via: ownVia, fallback, thresholds, webhookEndpoint } = operation;
    const { outputs, provider, set, setFrom, onExisting, check } = operation;
    const deliver = resolveDelivery(operation, store);
    const isForAll = types.includes(ANY_TYPE);
    return {
      name,
      types: isForAll ? [] : types,
      isDefault: isLone || isForAll,
      outputs,
      provider,
      targetKind: typeof target === "string" ? target : "record",
      target:
        typeof target === "string"
          ? { table: target === "self" ? tableLabel(jobs.table) : "", links: [], payloadKeys: [] }
          : {
              table: tableLabel(target.table),
              // The column of a job that names the target is the one link there is in PostgreSQL.
              links: target.from === undefined ? target.links : [target.from],
              payloadKeys: target.payloadKeys,
              ...(store === "postgres" ? { ids: "any" as const } : target.key === undefined ? {} : { key: target.key }),
            },
      attachment: deliver?.field ?? "",
      deliver,
      set,
      setFrom,
      onExisting,
      check,
      // The general setting applies to operations whose webhook can be sent again.
      completeVia: via ?? ownVia ?? (webhookEndpoint === null ? "direct" : webhooks.via),
      fallback: fallback ?? webhooks.fallback,
      webhookEndpoint,
      thresholds: thresholdsOf(thresholds),
    };
  });
}

/** Returns the field that receives the output; null where none does. The schema sees to it that one is named. */
function resolveDelivery(
  { target, deliver, attachment }: ConfiguredOperation,
  store: Config["store"],
): DeliveryField | null {
  if (target === "none") return null;
  // A column of a database holds no files.
  if (store === "postgres") return { field: fieldLabel(deliver, attachment), as: "url" };
  if (deliver !== undefined) return { field: deliver.field, as: deliver.as };
  return attachment === undefined ? null : { field: attachment, as: "attachment" };
}
