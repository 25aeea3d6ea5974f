import { transform } from "sucrase";

/** TypeScript as JavaScript: its types are taken out, nothing else is changed. */
export function stripTypes(code: string): string {
  return transform(code, { transforms: ["typescript"], disableESTransforms: true }).code;
}
