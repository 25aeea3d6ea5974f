import { mkdir, writeFile } from "node:fs/promises";
import { load } from "./register-ts-loader.mjs";

// `npm run man`: writes man/stuck-jobs.1. A test holds it equal to what the help says.
const { currentManPage } = await load("src/cli/help/man-page.ts");
await mkdir("man", { recursive: true });
await writeFile("man/stuck-jobs.1", await currentManPage());
