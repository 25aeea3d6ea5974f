import { nca } from "../../config/presets/nca.ts";
import { findProviderPreset, providerOf } from "../../config/presets/providers.ts";
import { ConfigError, type Problem } from "../../config/problems.ts";
import { nameProblem } from "../../config/schema/placeholders.ts";
import { pluralize } from "../../core/domain/plural.ts";
import { chooseDelivery, type DeliveryOption, namedOption, unseenOption } from "../../init/learn-delivery.ts";
import { type LearnedOperation, learnOperations, type SampledJob } from "../../init/learn-operations.ts";
import {
  fitPreset,
  nameAfterTable,
  nameAfterType,
  type OperationConfig,
  toConfig,
  type WholeOperation,
} from "../../init/operations.ts";
import type { Plan } from "../../init/render-config.ts";
import { hasFileField } from "../../init/routes.ts";
import type { Sample } from "../../init/sample-jobs.ts";
import { commonPrefix, type GivenStorage, parseGivenStorage } from "../../init/storage-prefix.ts";
import type { TableSchema } from "../../stores/airtable/metadata.ts";
import { type Answers, type KnownJobs, orProblem, type PlanInput, type Planned } from "./input.ts";

/** Adds the operations and the storage to what is known of the jobs. */
export async function planOperations(
  jobs: KnownJobs,
  tables: readonly TableSchema[],
  sample: Sample,
  isSchemaKnown: boolean,
  input: PlanInput,
): Promise<Planned> {
  const { answers, baseId } = input;
  const preset = await choosePreset(jobs, tables, input);
  const isNca = preset.known.size > 0;
  const hasNoFileField = isSchemaKnown && !tables.some(hasFileField);
  let given = readStorages(answers, sample);
  let learned = learnAll(jobs, sample, isNca, given, answers);
  if (learned.storageUrl === null && input.interview.interactive && withoutNames(answers) === null) {
    // What is answered may be an output, from which names are learned as well.
    given = new Map([...given, ["", parseGivenStorage(await askStorage(isNca, input), jobsOf(sample))]]);
    learned = learnAll(jobs, sample, isNca, given, answers);
  }
  const others = learned.operations.filter((operation) => !isOfPreset(operation, preset.known));
  const whole = await complete(
    others,
    isNca,
    { ...learned, given, jobs, sample, isSchemaKnown, hasNoFileField },
    input,
  );
  const isLone = whole.length === 1 && !isNca;
  const needsStorage = isNca || whole.some(({ patterns }) => patterns.length > 0);
  const storageUrl = learned.storageUrl ?? (needsStorage ? await askStorage(isNca, input) : null);
  suggestPreset(sample, input);
  const operations = whole.map(
    (each) => [nameOf(each.learned, jobs, isLone, answers), toConfig(each, isLone)] as const,
  );
  const plan: Plan = {
    preset: answers.preset ?? (isNca ? "nca" : "none"),
    baseId,
    table: jobs.table.name,
    fields: withoutDelivery(jobs.fields, whole),
    statuses: jobs.statuses,
    storageUrl,
    ...preset,
    operations: new Map(operations),
    database: null,
  };
  return { plan, example: learned.example };
}

/** Returns the operations of the preset `nca` that are taken: all that the base has a place for, unless refused. */
async function choosePreset(jobs: KnownJobs, tables: readonly TableSchema[], { answers, interview }: PlanInput) {
  const isOther = answers.preset !== null && answers.preset !== "nca";
  if (isOther) return { known: new Map<string, OperationConfig>(), removed: [] };
  const { known, removed } = fitPreset(jobs, tables);
  const taken = new Map<string, OperationConfig>();
  for (const [name, operation] of known) {
    const table = typeof operation.target === "string" ? operation.target : operation.target.table;
    const question = `${name}: its file goes into ${table}, "${operation.attachment}". Take it?`;
    if (await interview.yes(question, true)) taken.set(name, operation);
  }
  return { known: taken, removed: [...removed, ...[...known.keys()].filter((name) => !taken.has(name))] };
}

/** Jobs that name an operation of the preset, or have one of its types, are of that operation. */
function isOfPreset({ name, types }: LearnedOperation, known: ReadonlyMap<string, OperationConfig>): boolean {
  if (known.size === 0) return false;
  const ofPreset = [...known.values()].flatMap((operation) => operation.types ?? []);
  return name === null || known.has(name) || (types?.every((type) => ofPreset.includes(type)) ?? false);
}

/** The values of --storage, by the operation that they are for; "" for all. */
type GivenStorages = ReadonlyMap<string, GivenStorage>;

function readStorages({ storage, storages }: Answers, sample: Sample): GivenStorages {
  const urls = [...(storage === null ? [] : [["", storage] as const]), ...storages];
  return new Map(urls.map(([name, url]) => [name, parseGivenStorage(url, jobsOf(sample))]));
}

function jobsOf({ jobs }: Sample) {
  return jobs.map(({ job }) => job);
}

interface LearnedAll {
  readonly operations: readonly LearnedOperation[];
  /** The prefix that is given, or that most outputs share; null where none is known. */
  readonly storageUrl: string | null;
  /** The URL of an output, to try; null where none is known. */
  readonly example: string | null;
}

/** Learns the operations, and once more by the prefix that they have in common. */
function learnAll(jobs: KnownJobs, sample: Sample, isNca: boolean, given: GivenStorages, answers: Answers): LearnedAll {
  const isLone = !isNca && (answers.operation !== null || answers.pattern !== null);
  const all = withExamples(sample.jobs, given);
  const learn = (general: string | null) =>
    learnOperations(
      jobs,
      all,
      sample.routes,
      isLone,
      (kind) => prefixOf(givenFor(kind, given)) ?? general,
      sample.source === "database",
    );
  const named = prefixOf(given.get("") ?? null) ?? answers.runStorage;
  const first = learn(named);
  const prefixes = first.flatMap(({ outputs }) => (outputs?.prefix == null ? [] : [outputs.prefix]));
  const ofAny = [...given.values()].map(prefixOf).find((prefix) => prefix !== null) ?? null;
  const storageUrl = named ?? commonPrefix(prefixes) ?? ofAny;
  const operations = named === null ? learn(storageUrl) : first;
  const example = operations.find(({ outputs }) => outputs?.example != null)?.outputs?.example ?? null;
  return { operations, storageUrl, example };
}

function prefixOf(given: GivenStorage | null): string | null {
  return given === null || given.kind === "example" ? null : given.prefix;
}

/** Returns the storage that is given for a kind of work, by the name of its operation or its type. */
function givenFor(kind: string | null, given: GivenStorages): GivenStorage | null {
  return kind === null ? null : (given.get(kind) ?? given.get(nameAfterType(kind)) ?? null);
}

/** Adds the outputs that are given as examples to their jobs, which are finished by them. */
function withExamples(jobs: readonly SampledJob[], given: GivenStorages): readonly SampledJob[] {
  const examples = [...given.values()].flatMap((each) => (each.kind === "example" ? [each] : []));
  return jobs.map((each) => {
    const files = examples.flatMap(({ jobId, file }) => (jobId === each.record.id ? [file] : []));
    return files.length === 0 ? each : { ...each, state: "finished", files: [...each.files, ...files] };
  });
}

interface Completing extends LearnedAll {
  readonly given: GivenStorages;
  readonly jobs: KnownJobs;
  readonly sample: Sample;
  /** Whether it is certain that nothing in the base can receive a file: else a person has to say so. */
  readonly hasNoFileField: boolean;
  /** Else fields that are blank in all records of the sample are not seen. */
  readonly isSchemaKnown: boolean;
}

/** Completes the operations by the flags; asks only where not a single one is complete. The others are left out. */
async function complete(
  operations: readonly LearnedOperation[],
  isNca: boolean,
  completing: Completing,
  input: PlanInput,
): Promise<readonly WholeOperation[]> {
  const { answers, interview, say } = input;
  const isSingle = operations.length === 1;
  const parts = operations.map((learned) => ({
    learned,
    patterns: patternsOf(learned, completing.given, answers) ?? withoutNames(answers),
    delivery: deliveryOf(learned, completing, answers),
    storageUrl: ownStorage(learned, isSingle, completing, answers),
  }));
  const whole = parts.flatMap(({ patterns, delivery, ...rest }): readonly WholeOperation[] =>
    patterns === null || delivery === null ? [] : [{ ...rest, patterns, delivery }],
  );
  const [first] = parts;
  if (whole.length > 0 || isNca || first === undefined) {
    for (const { learned, patterns } of parts.filter((part) => !whole.some((each) => each.learned === part.learned))) {
      const missing =
        patterns === null
          ? "no completed job shows what its files are called"
          : "several fields could receive its file";
      say(`Left out ${learned.name ?? "jobs without a type"} (${pluralize(learned.jobs, "job")}): ${missing}.`);
    }
    return whole;
  }
  const problems: Problem[] = [];
  const patterns = first.patterns ?? [await orProblem(() => askPattern(interview.interactive, input), "", problems)];
  const delivery = first.delivery ?? (await orProblem(() => askDelivery(first.learned, input), "none", problems));
  // On a terminal the storage is asked for after this, if a file has a name at all.
  if (completing.storageUrl === null && patterns.length > 0 && !interview.interactive) {
    await orProblem(() => askStorage(false, input), "", problems);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return [{ ...first, patterns, delivery }];
}

/** With the preset of a provider an output needs no name: the provider says where it is. */
function withoutNames({ preset }: Answers): readonly string[] | null {
  return findProviderPreset(preset) === null ? null : [];
}

/** Names the preset of a provider on whose hosts the outputs are. */
function suggestPreset({ jobs }: Sample, { answers, say }: PlanInput): void {
  if (answers.preset !== null) return;
  const files = jobs.flatMap(({ state, files }) => (state === "finished" ? files : []));
  const found = providerOf(files.flatMap(({ origin }) => (origin === null ? [] : [new URL(origin).hostname])));
  if (found !== null)
    say(`Completed jobs name files of ${found.host}: --preset ${found.name} asks that service for outputs.`);
}

function patternsOf(learned: LearnedOperation, given: GivenStorages, { pattern }: Answers): readonly string[] | null {
  if (pattern !== null) {
    const problem = nameProblem(pattern);
    if (problem !== null) throw new ConfigError([{ path: "--pattern", message: problem }]);
    return [pattern];
  }
  if (learned.outputs !== null) return learned.outputs.patterns;
  const own = givenFor(learned.name, given) ?? given.get("") ?? null;
  return own?.kind === "unmatched" ? [own.pattern] : null;
}

/** Returns the delivery by --target and --deliver, else the one that was learned; null where a person has to choose. */
function deliveryOf(
  { delivery, options }: LearnedOperation,
  { jobs, sample, isSchemaKnown, hasNoFileField }: Completing,
  { target, deliver }: Answers,
): DeliveryOption | "none" | null {
  if (target === "none") return "none";
  const isSelf = target === "self" || target === jobs.table.name || target === jobs.table.id;
  const routes = isSelf ? [] : sample.routes;
  const isWanted = ({ route }: DeliveryOption) => target === null || (isSelf ? route === null : route !== null);
  if (deliver !== null) {
    const places = target === null || isSelf ? [...routes, null] : routes;
    const found = namedOption(deliver, options.filter(isWanted), places, jobs.table);
    if (found.kind === "option") return found.option;
    if (!isSchemaKnown) return unseenOption(deliver, places[0] ?? null);
    const message = `found "${deliver}"; expected one of ${found.fields.join(", ")}`;
    throw new ConfigError([{ path: "--deliver", message }]);
  }
  if (target === null) return delivery === "none" && !hasNoFileField ? null : delivery;
  const chosen = chooseDelivery(options.filter(isWanted));
  if (routes.length === 0 && !isSelf) {
    throw new ConfigError([
      { path: "--target", message: `no field of "${jobs.table.name}" leads to a record of "${target}"` },
    ]);
  }
  return chosen === "none" ? null : chosen;
}

/** Returns the storage of an operation whose outputs are elsewhere than the others'; null for the general one. */
function ownStorage(
  { name, outputs }: LearnedOperation,
  isSingle: boolean,
  { storageUrl, given }: Completing,
  { storage, runStorage }: Answers,
): string | null {
  const isNamed = givenFor(name, given) !== null;
  const isFixed = !isNamed && (storage !== null || (isSingle && runStorage !== null));
  const own = isFixed ? null : (prefixOf(givenFor(name, given)) ?? outputs?.prefix ?? null);
  return own === storageUrl ? null : own;
}

async function askPattern(isInteractive: boolean, { interview }: PlanInput): Promise<string> {
  return await interview.text("What is an output called?", isInteractive ? "{externalId}.mp4" : null, "--pattern");
}

async function askDelivery({ options }: LearnedOperation, { interview }: PlanInput): Promise<DeliveryOption | "none"> {
  const label = ({ route, field, path }: DeliveryOption) => {
    const place = [field, ...path].join(".");
    return route === null ? place : `${route.table.name}: ${place}`;
  };
  const chosen = await interview.choice(
    "Which field receives the file? none: the job's status is all that is written (--target none)",
    [...options.map(label), "none"],
    null,
    "--deliver",
  );
  return options.find((option) => label(option) === chosen) ?? "none";
}

async function askStorage(isNca: boolean, { interview, say }: PlanInput): Promise<string> {
  const question = "URL prefix of the outputs, or the URL of one of them?";
  for (;;) {
    const url = await interview.text(question, isNca ? nca.storage.baseUrl : null, "--storage");
    if (/^https?:/.test(url) && URL.canParse(url)) return url;
    say(`"${url}" is no URL: https://…`);
  }
}

/** A field that receives the URL of the output cannot receive the response as well. */
function withoutDelivery(fields: KnownJobs["fields"], operations: readonly WholeOperation[]): KnownJobs["fields"] {
  const own = operations.flatMap(({ delivery }) =>
    delivery !== "none" && delivery.route === null ? [delivery.field] : [],
  );
  const kept = Object.entries(fields).map(([key, name]) => [key, name !== null && own.includes(name) ? null : name]);
  return { ...fields, ...Object.fromEntries(kept) };
}

function nameOf(
  { name, types }: LearnedOperation,
  { table }: KnownJobs,
  isLone: boolean,
  { operation }: Answers,
): string {
  if (isLone && operation !== null) return operation;
  if (name === null) return nameAfterTable(table.name);
  if (types === null) return name;
  return types.length === 1 ? nameAfterType(name) : nameAfterTable(table.name);
}
