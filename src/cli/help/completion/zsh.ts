import { type CommandReference, flattened, type OptionReference, type ValueReference } from "../reference.ts";

/** A completion script for zsh: to be sourced, or put as _stuck-jobs into a folder of $fpath. */
export function zshCompletion(program: CommandReference): string {
  return `#compdef stuck-jobs
compdef _stuck-jobs stuck-jobs

${flattened(program).map(functionOf).join("\n")}
if [[ \${funcstack[1]} == _stuck-jobs ]]; then _stuck-jobs "$@"; fi
`;
}

function functionOf(command: CommandReference): string {
  const { path, options, arguments: args, commands } = command;
  const specs = options.map(optionSpec);
  if (commands.length === 0) {
    const positions = args.map(({ name, choices }, n) => `'${n + 1}:${escaped(name)}:${actionFor(choices)}'`);
    return `${nameOf(path)}() {\n  _arguments -s : ${[...specs, ...positions].join(" \\\n    ")}\n}\n`;
  }
  const described = commands.map((child) => `'${escaped(child.path.at(-1) ?? "")}:${quotesEscaped(child.summary)}'`);
  const cases = commands.map((child) => `        ${child.path.at(-1)}) ${nameOf(child.path)} ;;`);
  return `${nameOf(path)}() {
  local curcontext=$curcontext state
  local -a line commands
  _arguments -C -s : ${[...specs, "'1: :->command'", "'*:: :->rest'"].join(" \\\n    ")}
  case $state in
    command)
      commands=(
        ${described.join("\n        ")}
      )
      _describe command commands
      ;;
    rest)
      case $line[1] in
${cases.join("\n")}
      esac
      ;;
  esac
}
`;
}

/** `'(-o --output)'{-o+,--output=}'[what it does]:format:(table json ndjson)'` */
function optionSpec({ names, description, value }: OptionReference): string {
  const spelled = names.map((name) => (value === null ? name : name.startsWith("--") ? `${name}=` : `${name}+`));
  const [only = ""] = spelled;
  const tail = `[${escaped(description)}]${value === null ? "" : valueSpec(value)}`;
  if (value?.variadic) return spelled.map((name) => `'*${name}${tail}'`).join(" ");
  return names.length === 1 ? `'${only}${tail}'` : `'(${names.join(" ")})'{${spelled.join(",")}}'${tail}'`;
}

function valueSpec({ name, choices, path }: ValueReference): string {
  const action = path === "file" ? "_files" : path === "folder" ? "_files -/" : actionFor(choices);
  return `:${escaped(name)}:${action}`;
}

function actionFor(choices: readonly string[]): string {
  return choices.length === 0 ? " " : `(${choices.join(" ")})`;
}

function nameOf(path: readonly string[]): string {
  return ["_stuck-jobs", ...path].join("__");
}

function escaped(text: string): string {
  return quotesEscaped(text).replaceAll(/[\\:[\]]/g, String.raw`\$&`);
}

function quotesEscaped(text: string): string {
  return text.replaceAll("'", "’");
}
