/** One thing that is wrong with the configuration: where, what was found, what is allowed. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

/** The configuration, its environment or the flags are wrong; nothing was read or written. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[];
  readonly hint: string | null;
  constructor(problems: readonly Problem[], hint: string | null = null) {
    super(problems.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`)).join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
    this.hint = hint;
  }
}
