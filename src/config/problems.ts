/** A problem of the configuration. `message` says what was found, and what is expected. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

/** The configuration, the environment or the flags are not valid; nothing was read or written. */
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
