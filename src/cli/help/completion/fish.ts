import { type CommandReference, flattened, type OptionReference, type ValueReference } from "../reference.ts";

/** A completion script for fish. */
export function fishCompletion(program: CommandReference): string {
  const commands = flattened(program);
  return `# fish completion for stuck-jobs
function __stuck_jobs_at --description 'Whether the words before the cursor call this command'
    set -l path ''
    for word in (commandline --tokenize --cut-at-cursor --current-process)[2..]
        switch "$path:$word"
${commands.flatMap(stepsInto).join("\n")}
        end
    end
    test "$path" = "$argv"
end

complete --command stuck-jobs --no-files
${commands.flatMap(completionsOf).join("\n")}
`;
}

function stepsInto({ path, commands }: CommandReference): readonly string[] {
  return commands.map((child) => {
    const from = quoted(`${path.join(" ")}:${child.path.at(-1)}`);
    return `            case ${from}\n                set path ${quoted(child.path.join(" "))}`;
  });
}

function completionsOf({ path, options, arguments: args, commands }: CommandReference): readonly string[] {
  const start = `complete --command stuck-jobs --condition ${quoted(`__stuck_jobs_at ${path.join(" ")}`.trim())}`;
  return [
    ...commands.map((child) => {
      const word = quoted(child.path.at(-1) ?? "");
      return `${start} --arguments ${word} --description ${quoted(child.summary)}`;
    }),
    ...args
      .filter(({ choices }) => choices.length > 0)
      .map(({ choices, description }) => {
        return `${start} --arguments ${quoted(choices.join(" "))} --description ${quoted(description)}`;
      }),
    ...options.map(
      (option) => `${start}${spelling(option)}${valueFlags(option.value)} --description ${quoted(option.description)}`,
    ),
  ];
}

function spelling({ names }: OptionReference): string {
  return names
    .map((name) => (name.startsWith("--") ? ` --long-option ${name.slice(2)}` : ` --short-option ${name.slice(1)}`))
    .join("");
}

function valueFlags(value: ValueReference | null): string {
  if (value === null) return "";
  if (value.choices.length > 0) return ` --exclusive --arguments ${quoted(value.choices.join(" "))}`;
  switch (value.path) {
    case "file":
      return " --require-parameter --force-files";
    case "folder":
      return " --exclusive --arguments '(__fish_complete_directories)'";
    case null:
      return " --exclusive";
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
