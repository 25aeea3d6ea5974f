import { mkdir, writeFile } from "node:fs/promises";
import { load } from "./register-ts-loader.mjs";

// `npm run schema`: writes the JSON Schema for editors and the types of `defineConfig`, both made from the schema that
// the program checks by. Tests hold them equal.
const { editorSchema } = await load("src/config/docs/json-schema.ts");
const { configTypes } = await load("src/config/docs/types.ts");
await mkdir("schema", { recursive: true });
await writeFile("schema/stuck-jobsrc.schema.json", `${JSON.stringify(editorSchema(), null, 2)}\n`);
await mkdir("types", { recursive: true });
await writeFile("types/index.d.ts", await configTypes());
