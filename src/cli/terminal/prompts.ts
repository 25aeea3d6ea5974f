import { createInterface } from "node:readline";
import { ConfigError } from "../../config/problems.ts";

/** Asks for values that are not known. Each question names the flag that answers it in advance. */
export interface Prompter {
  /** Whether a person answers. */
  readonly interactive: boolean;
  /** Never blank; `proposed` is null where nothing can be proposed. */
  text(question: string, proposed: string | null, flag: string): Promise<string>;
  /** Returns null for "-": the base has no such field. */
  optional(question: string, proposed: string | null): Promise<string | null>;
  choice(question: string, options: readonly string[], proposed: string | null, flag: string): Promise<string>;
  yes(question: string, proposed: boolean): Promise<boolean>;
  close(): void;
}

export type Answer = "yes" | "no" | "interrupted";

/** Asks one question at the terminal. Anything but yes is no, and so is the end of the input. */
export async function askYesOrNo(question: string, signal: AbortSignal): Promise<Answer> {
  if (signal.aborted) return "interrupted";
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const ended = new AbortController();
  try {
    return await new Promise<Answer>((resolve) => {
      const interrupt = () => {
        process.stderr.write("\n");
        resolve("interrupted");
      };
      signal.addEventListener("abort", interrupt, { once: true, signal: ended.signal });
      // In raw mode a Ctrl+C is a key, and no signal.
      terminal.once("SIGINT", interrupt);
      terminal.once("close", () => resolve("no"));
      terminal.question(`${question} [y/N] `, (answer) => resolve(/^y(es)?$/i.test(answer.trim()) ? "yes" : "no"));
    });
  } finally {
    ended.abort();
    terminal.close();
  }
}

/** Thrown when the person ends the questions: by Ctrl+C, or by the end of stdin. */
export class InterviewEnded extends Error {
  constructor() {
    super("the questions were not answered");
    this.name = "InterviewEnded";
  }
}

/** Asks the person at the terminal. A blank answer takes the value in brackets. */
export function openInterview(say: (text: string) => void): Prompter {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answers: string[] = [];
  let ended = false;
  let notify: () => void = () => undefined;
  // Lines are queued, so that text typed or pasted ahead of a question is not lost.
  terminal.on("line", (line) => {
    answers.push(line);
    notify();
  });
  terminal.on("close", () => {
    ended = true;
    notify();
  });
  terminal.on("SIGINT", () => terminal.close());

  const ask = async (question: string, proposed: string | null): Promise<string> => {
    terminal.setPrompt(`${question}${proposed === null ? "" : ` [${proposed}]`} `);
    terminal.prompt();
    while (answers.length === 0 && !ended) {
      await new Promise<void>((resolve) => {
        notify = resolve;
      });
    }
    const answer = answers.shift();
    if (answer === undefined) throw new InterviewEnded();
    return answer.trim() || (proposed ?? "");
  };
  const askUntilValid = async (question: string, proposed: string | null, allowed: (answer: string) => boolean) => {
    for (;;) {
      const answer = await ask(question, proposed);
      if (allowed(answer)) return answer;
      if (answer !== "") say(`"${answer}" is not one of the choices.`);
    }
  };
  return {
    interactive: true,
    text: (question, proposed) => askUntilValid(question, proposed, (answer) => answer !== ""),
    async optional(question, proposed) {
      const answer = await ask(`${question} (- for none)`, proposed ?? "-");
      return answer === "-" ? null : answer;
    },
    choice: (question, options, proposed) =>
      askUntilValid(`${question} (${options.join(", ")})`, proposed, (answer) => options.includes(answer)),
    async yes(question, proposed) {
      const answer = await askUntilValid(question, proposed ? "Y/n" : "y/N", (given) =>
        /^(y(es)?|no?|Y\/n|y\/N)$/i.test(given),
      );
      return answer === "Y/n" || answer === "y/N" ? proposed : /^y/i.test(answer);
    },
    close: () => terminal.close(),
  };
}

/** Answers every question with its default. Throws ConfigError with the flag to use where there is none. */
export function defaultPrompter(): Prompter {
  const proposedOr = async (
    question: string,
    proposed: string | null,
    flag: string,
    options: readonly string[] = [],
  ) => {
    if (proposed !== null) return proposed;
    const among = options.length === 0 ? "" : ` (${options.join(", ")})`;
    throw new ConfigError([{ path: flag, message: `no default for "${question}"${among}; set ${flag}` }]);
  };
  return {
    interactive: false,
    text: (question, proposed, flag) => proposedOr(question, proposed, flag),
    optional: async (_, proposed) => proposed,
    choice: (question, options, proposed, flag) => proposedOr(question, proposed, flag, options),
    yes: async (_, proposed) => proposed,
    close: () => undefined,
  };
}
