import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { bundle } from "./bundle.mjs";
import { bundledPackages } from "./licenses.mjs";

// `npm run sbom [-- <file>]`: a CycloneDX bill of materials of the package, to stdout or a file. `npm sbom` lists all
// that is installed to build it; of that only what is in the bundle reaches a user.
const { name, version } = JSON.parse(readFileSync("package.json", "utf8"));
const args = ["sbom", "--sbom-format=cyclonedx", "--sbom-type=application", "--package-lock-only"];
const all = JSON.parse(execFileSync("npm", args, { encoding: "utf8", maxBuffer: 1e9 }));

const packages = await bundledPackages(await bundle({ write: false }));
const refs = new Set(packages.map((each) => `${each.name}@${each.version}`));
const components = all.components.filter((component) => refs.has(component["bom-ref"].split("|").at(-1)));
const missing = [...refs].filter((ref) => !components.some((component) => component["bom-ref"].endsWith(ref)));
if (missing.length > 0) throw new Error(`in the bundle, not in package-lock.json: ${missing.join(", ")}`);

const root = `${name}@${version}`;
const kept = new Set([root, ...components.map((component) => component["bom-ref"])]);
const sbom = {
  ...all,
  metadata: { ...all.metadata, component: { ...all.metadata.component, name } },
  // Bundled: a part of what runs, though npm calls it a dependency of the development.
  components: components.map((component) => ({ ...component, scope: "required", properties: [] })),
  dependencies: all.dependencies
    .filter(({ ref }) => kept.has(ref))
    .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((each) => kept.has(each)) })),
};
const text = `${JSON.stringify(sbom, null, 2)}\n`;
const [path] = process.argv.slice(2);
if (path === undefined) process.stdout.write(text);
else writeFileSync(path, text);
