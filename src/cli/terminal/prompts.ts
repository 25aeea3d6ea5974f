import { createInterface } from "node:readline";
import { ConfigError } from "../../config/problems.ts";

/** Asks for what is not known. Each question has the flag that answers it without being asked. */
export interface Prompter {
  /** Whether somebody answers. */
  readonly interactive: boolean;
  /** Never blank; `proposed` is null where nothing can be proposed. */
  text(question: string, proposed: string | null, flag: string): Promise<string>;
  /** Null for "-", which is for what the base does not have. */
  optional(question: string, proposed: string | null): Promise<string | null>;
  choice(question: string, options: readonly string[], proposed: string | null, flag: string): Promise<string>;
  yes(question: string, proposed: boolean): Promise<boolean>;
  close(): void;
}

/** The person left: by Ctrl-C, or by the end of what they had to say. */
export class InterviewEnded extends Error {
  constructor() {
    super("the questions were not answered");
    this.name = "InterviewEnded";
  }
}

/** Asks the person at the terminal; what they leave blank is as proposed, in brackets. */
export function openInterview(say: (text: string) => void): Prompter {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answers: string[] = [];
  let ended = false;
  let heard: () => void = () => undefined;
  // Lines are kept as they come: who types, or pastes, ahead of a question is not made to repeat it.
  terminal.on("line", (line) => {
    answers.push(line);
    heard();
  });
  terminal.on("close", () => {
    ended = true;
    heard();
  });
  terminal.on("SIGINT", () => terminal.close());

  const ask = async (question: string, proposed: string | null): Promise<string> => {
    terminal.setPrompt(`${question}${proposed === null ? "" : ` [${proposed}]`} `);
    terminal.prompt();
    while (answers.length === 0 && !ended) {
      await new Promise<void>((resolve) => {
        heard = resolve;
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
      if (answer !== "") say(`"${answer}" is not one of them.`);
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

/** Takes what is proposed. Throws ConfigError, with the flag that helps, where nothing can be. */
export function defaultPrompter(): Prompter {
  const proposedOr = async (
    question: string,
    proposed: string | null,
    flag: string,
    options: readonly string[] = [],
  ) => {
    if (proposed !== null) return proposed;
    const among = options.length === 0 ? "" : ` (${options.join(", ")})`;
    throw new ConfigError([{ path: flag, message: `cannot be found out: ${question}${among} Say so with ${flag}` }]);
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
