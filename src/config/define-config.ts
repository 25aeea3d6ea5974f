/**
 * Returns a configuration as it is: its types, in types/index.d.ts, let an editor complete and check
 * `stuck-jobs.config.ts`. It is what the package exports.
 */
export function defineConfig<T>(config: T): T {
  return config;
}
