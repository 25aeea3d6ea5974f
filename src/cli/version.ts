import pack from "../../package.json" with { type: "json" };

/** The version of this package. */
export const VERSION: string = pack.version;

/** Returns the line of `--version`, which a bug report should quote. */
export function versionLine({
  version,
  platform,
  arch,
}: Pick<NodeJS.Process, "version" | "platform" | "arch">): string {
  return `stuck-jobs ${VERSION} (node ${version}, ${platform} ${arch})`;
}
