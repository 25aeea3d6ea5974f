import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { load } from "./register-ts-loader.mjs";

// `npm run examples`: writes examples/, as `schedule print` renders it. A test holds the two equal.
const { renderExamples } = await load("src/schedule/examples.ts");
for (const { path, content } of renderExamples()) {
  await mkdir(dirname(join("examples", path)), { recursive: true });
  await writeFile(join("examples", path), content);
}
