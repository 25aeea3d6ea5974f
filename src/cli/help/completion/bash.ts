import { type CommandReference, flattened, type ValueReference } from "../reference.ts";

/** A completion script for bash, from 3.2 on; it needs no package beside it. */
export function bashCompletion(program: CommandReference): string {
  const commands = flattened(program);
  return `# bash completion for stuck-jobs
_stuck_jobs() {
  local IFS=$'\\n' cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} path='' flags='' words='' i
  COMPREPLY=()
  # bash takes "--output=json" for three words.
  if [[ $cur == = ]]; then
    cur=
  elif [[ $prev == = ]]; then
    prev=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$path:\${COMP_WORDS[i]}" in
${commands.flatMap(stepsInto).join("\n")}
    esac
  done
  case "$path:$prev" in
${commands.flatMap(values).join("\n")}
  esac
  case "$path" in
${commands.map(proposals).join("\n")}
  esac
  if [[ $cur == -* ]]; then words=$flags; fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _stuck_jobs stuck-jobs
`;
}

/** How a word leads from a command to one below it. */
function stepsInto({ path, commands }: CommandReference): readonly string[] {
  return commands.map(
    (child) => `      ${quoted(`${path.join(" ")}:${child.path.at(-1)}`)}) path=${quoted(child.path.join(" "))} ;;`,
  );
}

/** What follows a flag that takes a value: one case for each kind of value that a command's flags take. */
function values({ path, options }: CommandReference): readonly string[] {
  const cases = new Map<string, string[]>();
  for (const { names, value } of options) {
    if (value === null) continue;
    const proposal = proposalOf(value);
    const patterns = names.map((name) => quoted(`${path.join(" ")}:${name}`));
    cases.set(proposal, [...(cases.get(proposal) ?? []), ...patterns]);
  }
  return [...cases].map(([proposal, patterns]) => `    ${patterns.join(" | ")})${proposal} return ;;`);
}

function proposalOf({ choices, path }: ValueReference): string {
  if (choices.length > 0) return ` COMPREPLY=($(compgen -W ${lines(choices)} -- "$cur"));`;
  switch (path) {
    case "file":
      return ` compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur"));`;
    case "folder":
      return ` compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$cur"));`;
    case null:
      return "";
  }
}

/** The flags of a command, and the words that may follow it. */
function proposals({ path, options, commands, arguments: args }: CommandReference): string {
  const flags = options.flatMap(({ names }) => names);
  const words = [...commands.map((child) => child.path.at(-1) ?? ""), ...args.flatMap(({ choices }) => choices)];
  return `    ${quoted(path.join(" "))}) flags=${lines(flags)} words=${lines(words)} ;;`;
}

/** Words one a line, as IFS splits them. */
function lines(words: readonly string[]): string {
  return `$'${words.join("\\n")}'`;
}

function quoted(text: string): string {
  return `'${text}'`;
}
