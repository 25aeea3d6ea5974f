import { writeFileSync } from "node:fs";
import { build } from "esbuild";

// `npm run docs:reasons`: writes docs/reasons.md out of src/cli/help/reasons.ts.
const { outputFiles } = await build({
  entryPoints: ["src/cli/help/reasons.ts"],
  bundle: true,
  write: false,
  format: "esm",
  platform: "node",
});
const { reasonsPage } = await import(
  `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`
);
writeFileSync("docs/reasons.md", reasonsPage());
