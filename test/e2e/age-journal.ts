import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Lets what the journals in a folder hold be older by so many ms: a test need not wait that long. */
export function ageJournals(folder: string, ms: number): void {
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".ndjson")) continue;
    const path = join(folder, name);
    const aged = readFileSync(path, "utf8").replace(/"at":"([^"]+)"/g, (_, at: string) => {
      return `"at":"${new Date(Date.parse(at) - ms).toISOString()}"`;
    });
    writeFileSync(path, aged);
  }
}
