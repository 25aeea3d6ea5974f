import { compile } from "json-schema-to-typescript";
import { editorSchema } from "./json-schema.ts";

/** Returns the declarations of what the package exports: `defineConfig`, and the types of a configuration. */
export async function configTypes(): Promise<string> {
  const { title: _, ...schema } = editorSchema();
  const declared = await compile(JSON.parse(JSON.stringify(schema)), "Config", {
    additionalProperties: false,
    bannerComment: "// Made by `npm run schema` from the schema of the configuration.",
    ignoreMinAndMaxItems: true,
    style: { printWidth: 120 },
  });
  return `${declared.replaceAll("_Schema0", "Json")}
/** Returns the configuration as it is, checked by its type: \`export default defineConfig({ … })\`. */
export declare function defineConfig(config: Config): Config;
`;
}
