import pack from "../../package.json" with { type: "json" };

/** The version of this package. */
export const VERSION: string = pack.version;

/** What `--version` prints, which is what a report of a fault has to tell. */
export function versionLine({
  version,
  platform,
  arch,
}: Pick<NodeJS.Process, "version" | "platform" | "arch">): string {
  return `stuck-jobs ${VERSION} (node ${version}, ${platform} ${arch})`;
}
