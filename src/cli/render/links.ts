import type { Env } from "../../config/env/variables.ts";

/**
 * Whether the terminal makes links of OSC 8 sequences: those that are known to, as the package supports-hyperlinks has
 * them. Others would mostly swallow the sequence; a few print it.
 */
export function takesLinks(env: Env): boolean {
  const { FORCE_HYPERLINK, TERM, TERM_PROGRAM, TERM_PROGRAM_VERSION = "", VTE_VERSION, WT_SESSION, CI } = env;
  if (FORCE_HYPERLINK !== undefined && FORCE_HYPERLINK !== "") return FORCE_HYPERLINK !== "0";
  if (CI || TERM === "dumb") return false;
  if (WT_SESSION || env.KONSOLE_VERSION || env.DOMTERM) return true;
  const [major = 0, minor = 0] = TERM_PROGRAM_VERSION.split(".").map(Number);
  switch (TERM_PROGRAM) {
    case "iTerm.app":
      return major > 3 || (major === 3 && minor >= 1);
    case "WezTerm":
      return /^\d{8}/.test(TERM_PROGRAM_VERSION) && Number(TERM_PROGRAM_VERSION.slice(0, 8)) >= 20_200_620;
    case "vscode":
      return major > 1 || (major === 1 && minor >= 72);
    case "ghostty":
    case "zed":
      return true;
  }
  // GNOME's terminals; 0.50.0 crashes on links.
  if (VTE_VERSION && VTE_VERSION !== "0.50.0" && VTE_VERSION !== "5000") return Number(VTE_VERSION) > 5000;
  return TERM === "xterm-kitty" || TERM === "alacritty" || TERM === "foot";
}

/** Where a person sees a record. Airtable's addresses need the table's id; with its name there is none. */
export function recordUrls(baseId: string, table: string): ((id: string) => string) | null {
  return /^tbl\w{14}$/.test(table) ? (id) => `https://airtable.com/${baseId}/${table}/${encodeURIComponent(id)}` : null;
}
