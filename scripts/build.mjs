import { rm, writeFile } from "node:fs/promises";
import { bundle } from "./bundle.mjs";
import { bundledPackages, checkLicenses, licenseTexts } from "./licenses.mjs";

// `npm run build`: the bundle in dist/, and beside it the licences of what is bundled, which are checked first.
await rm("dist", { recursive: true, force: true });
const packages = await bundledPackages(await bundle());
checkLicenses(packages);
await writeFile("dist/THIRD-PARTY-LICENSES.txt", licenseTexts(packages));
