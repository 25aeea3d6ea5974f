import { mkdir, writeFile } from "node:fs/promises";
import { load } from "./register-ts-loader.mjs";

// `npm run schema`: writes the JSON Schema for editors anew. A test holds it equal to the schema that is checked by.
const { editorSchema } = await load("src/config/docs/json-schema.ts");
await mkdir("schema", { recursive: true });
await writeFile("schema/stuck-jobsrc.schema.json", `${JSON.stringify(editorSchema(), null, 2)}\n`);
