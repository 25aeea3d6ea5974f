import type { Problem } from "../problems.ts";
import { type Config, configSchema } from "./config.ts";
import { problemsOf } from "./issues.ts";

/** A configuration after the check: whole, with its defaults in place, or what is wrong with it. */
export type Checked =
  | { readonly kind: "sound"; readonly config: Config }
  | { readonly kind: "wrong"; readonly problems: readonly Problem[] };

/** Checks what the file says, laid over the preset and under the environment. */
export function checkBySchema(input: unknown): Checked {
  const checked = configSchema.safeParse(input);
  if (checked.success) return { kind: "sound", config: checked.data };
  return { kind: "wrong", problems: problemsOf(checked.error, input, configSchema) };
}
