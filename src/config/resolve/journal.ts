import type { Config } from "../schema/config.ts";

/** Where the journal is, and how it is rotated. */
export interface JournalSettings {
  /** Null: nowhere. `asked`: a run that cannot write there must not write at all. */
  readonly place: { readonly kind: "default" } | { readonly kind: "asked"; readonly path: string } | null;
  readonly maxBytes: number;
  readonly keep: number;
}

/** The flag over the file. */
export function resolveJournal({ path, maxBytes, keep }: Config["journal"], flag: string | undefined): JournalSettings {
  const named = flag ?? path;
  const place =
    named === "none"
      ? null
      : named === undefined
        ? { kind: "default" as const }
        : { kind: "asked" as const, path: named };
  return { place, maxBytes, keep };
}
