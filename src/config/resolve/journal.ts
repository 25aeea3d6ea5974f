import type { DatabaseAddress } from "../../database/database-url.ts";
import { type ConnectionLimits, DEFAULT_LIMITS } from "../../database/limits.ts";
import type { Environment } from "../env/environment.ts";
import type { Problem } from "../problems.ts";
import type { Config } from "../schema/config.ts";
import { resolveAddress } from "./postgres.ts";

/** The place of the journal, and its rotation. */
export interface JournalSettings {
  readonly place: JournalPlace | null;
  readonly maxBytes: number;
  readonly keep: number;
}

/** Null: off. Every place but the default is required: a run that cannot write there must not write at all. */
export type JournalPlace =
  | { readonly kind: "default" }
  | { readonly kind: "asked"; readonly path: string }
  | DatabaseJournal;

/** A journal in PostgreSQL. */
export interface DatabaseJournal {
  readonly kind: "postgres";
  readonly schema: string;
  /** Rows older than this are removed, ms. */
  readonly keep: number;
  readonly address: DatabaseAddress;
  readonly limits: ConnectionLimits;
}

/** How long a fleet keeps its journal where `journal.postgres` does not say: as long as that by default. */
const KEEP_MS = 180 * 86_400_000;

/** Resolves where the journal is: the flag overrides the file. */
export function resolveJournal(
  { journal, fleet, postgres: limits }: Pick<Config, "journal" | "fleet" | "postgres">,
  flag: string | undefined,
  environment: Environment,
  problems: Problem[],
): JournalSettings {
  const { path, maxBytes, keep } = journal;
  // Any host of a fleet has to know what the others wrote.
  const postgres = journal.postgres ?? (fleet === undefined ? undefined : { schema: fleet.schema, keep: KEEP_MS });
  const named = flag ?? path;
  if (named === "none") return { place: null, maxBytes, keep };
  if (named !== undefined) return { place: { kind: "asked", path: named }, maxBytes, keep };
  if (postgres === undefined) return { place: { kind: "default" }, maxBytes, keep };
  const address = resolveAddress(environment, problems);
  const place = address && {
    ...postgres,
    kind: "postgres" as const,
    address,
    limits: { ...DEFAULT_LIMITS, ...limits },
  };
  return { place, maxBytes, keep };
}
