import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";

/** Licences that allow what a package under MIT does with a part: to pass it on under its own notice. */
const ALLOWED = ["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BlueOak-1.0.0", "ISC", "MIT", "Unlicense"];

/** Returns the packages that a bundle contains: name, version, licence, and the licence's text where there is one. */
export async function bundledPackages(metafile) {
  const folders = new Set(
    Object.keys(metafile.inputs).flatMap((path) => path.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/) ?? []),
  );
  const packages = [];
  for (const folder of [...folders].sort()) {
    if (!existsSync(`${folder}/package.json`)) continue;
    const { name, version, license } = JSON.parse(await readFile(`${folder}/package.json`, "utf8"));
    const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
    packages.push({ name, version, license, text: file && (await readFile(`${folder}/${file}`, "utf8")) });
  }
  return packages;
}

/** Throws where a licence is not allowed. */
export function checkLicenses(packages) {
  const wrong = packages.filter(({ license }) => !ALLOWED.includes(license));
  if (wrong.length === 0) return;
  const list = wrong.map(({ name, version, license }) => `${name}@${version}: ${license ?? "no licence"}`);
  throw new Error(`bundled under a licence that is not allowed: ${list.join(", ")}; expected ${ALLOWED.join(", ")}`);
}

/** Returns the text that lies beside the bundle. */
export function licenseTexts(packages) {
  return packages
    .map(({ name, version, license, text }) => `${name} ${version}\n\n${(text ?? `License: ${license}`).trim()}\n`)
    .join(`\n${"-".repeat(80)}\n\n`);
}
