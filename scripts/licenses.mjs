import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";

/** The names, versions and licence texts of the packages that a bundle contains. */
export async function licensesOf(metafile) {
  const folders = new Set(
    Object.keys(metafile.inputs).flatMap((path) => path.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/) ?? []),
  );
  const texts = [];
  for (const folder of [...folders].sort()) {
    if (!existsSync(`${folder}/package.json`)) continue;
    const { name, version, license } = JSON.parse(await readFile(`${folder}/package.json`, "utf8"));
    const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file === undefined ? `License: ${license}` : await readFile(`${folder}/${file}`, "utf8");
    texts.push(`${name} ${version}\n\n${text.trim()}\n`);
  }
  return texts.join(`\n${"-".repeat(80)}\n\n`);
}
