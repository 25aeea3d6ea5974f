/** One thing that was measured, and what it is to be. */
export interface Row {
  readonly what: string;
  readonly measured: string;
  readonly target: string;
  /** Null where there is no target. */
  readonly met: boolean | null;
}

/** What was measured for one target of the tool. */
export interface Section {
  readonly title: string;
  readonly about: string;
  readonly rows: readonly Row[];
  /** Markdown that goes below the rows. */
  readonly more?: string;
}

/** A row whose number must not be above its target. */
export function atMost(what: string, value: number, most: number, show: (value: number) => string = String): Row {
  return { what, measured: show(value), target: `≤ ${show(most)}`, met: value <= most };
}

/** A row whose number must not be below its target. */
export function atLeast(what: string, value: number, least: number, show: (value: number) => string = String): Row {
  return { what, measured: show(value), target: `≥ ${show(least)}`, met: value >= least };
}

export function ratio(value: number): string {
  return `${value.toFixed(2)} ×`;
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}

/** How thorough a bench is. */
export interface Effort {
  readonly full: boolean;
}
