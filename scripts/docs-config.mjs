import { writeFile } from "node:fs/promises";
import { load } from "./register-ts-loader.mjs";

// `npm run docs:config`: writes docs/configuration.md from the schema. A test holds the two equal.
const { configurationPage } = await load("src/config/docs/reference.ts");
await writeFile("docs/configuration.md", configurationPage());
