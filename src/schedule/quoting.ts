/** Quotes a word for a POSIX shell. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_@+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** Escapes a command for crontab(5): a bare `%` would end the command and begin its input. */
export function cronCommand(command: string): string {
  return command.replaceAll("%", String.raw`\%`);
}

/** Quotes a word for systemd's ExecStart=, in which `%` begins a specifier and `$` a variable. */
export function systemdWord(text: string): string {
  const escaped = text.replaceAll("%", "%%").replaceAll("$", "$$$$");
  if (/^[A-Za-z0-9_@+=:,./%$-]+$/.test(escaped)) return escaped;
  return `"${escaped.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
