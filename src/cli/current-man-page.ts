import { manPage } from "./help/man-page.ts";
import { referenceOf } from "./help/reference.ts";
import { createProgram } from "./program.ts";
import { processTerminal } from "./terminal/terminal.ts";
import { VERSION } from "./version.ts";

/** The man page of the program as it is: what lies in man/. */
export async function currentManPage(): Promise<string> {
  const program = await createProgram({ env: {}, terminal: processTerminal(process), exit: () => {} });
  return manPage(referenceOf(program), VERSION);
}
