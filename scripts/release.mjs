import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

const HELP = `Prepares a release, and keeps version, changelog and man page in step.

  npm run release -- <version>            shows what would change; writes nothing
  npm run release -- <version> --write    writes it: review with git diff, then commit and tag as shown
  npm run release -- --check <tag>        fails unless tag, version, changelog, man page and repository agree
  npm run release -- --notes              prints the changelog's section of the version in package.json

<version> is x.y.z, or major, minor or patch for the next one of its kind.

What --write does:
  1. sets the version in package.json and package-lock.json
  2. turns CHANGELOG.md's [Unreleased] into [x.y.z] with the date, and adds an empty [Unreleased]
  3. renews what is generated: man page, configuration and reasons pages, schema, examples

It refuses where the work tree has changes, the branch is not main, the tag exists, [Unreleased] is empty, or the version
is not newer.

  --date <yyyy-mm-dd>   the date in the changelog (today)
  --allow-dirty         go on with changes in the work tree, or on another branch
  --help`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    write: { type: "boolean", default: false },
    check: { type: "string" },
    notes: { type: "boolean", default: false },
    date: { type: "string", default: new Date().toISOString().slice(0, 10) },
    "allow-dirty": { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

/** The npm scripts that write what carries the version or is made from the source. */
const GENERATED = ["man", "docs:config", "docs:reasons", "schema", "examples"];

const SEMVER = /^(\d+)\.(\d+)\.(\d+)(?:-[0-9A-Za-z.-]+)?$/;
const readJson = (path) => JSON.parse(readFileSync(path, "utf8"));
const git = (...args) => execFileSync("git", args, { encoding: "utf8" }).trim();
const current = readJson("package.json").version;

if (values.help) console.log(HELP);
else if (values.check !== undefined) check(values.check);
else if (values.notes) console.log(sectionOf(current) ?? fail(`CHANGELOG.md has no section [${current}]`));
else if (positionals.length === 1) prepare(versionAfter(current, positionals[0]));
else fail(HELP);

function prepare(version) {
  const problems = problemsWith(version);
  if (problems.length > 0) fail(problems.join("\n"));
  const changelog = readFileSync("CHANGELOG.md", "utf8");
  const released = changelog.replace(/^## \[Unreleased\]$/m, `## [Unreleased]\n\n## [${version}] - ${values.date}`);
  if (!values.write) {
    console.log(`Would release ${version} (now ${current}):
  package.json, package-lock.json   ${current} -> ${version}
  CHANGELOG.md                      [Unreleased] -> [${version}] - ${values.date}
  renewed                           ${GENERATED.join(", ")}

${sectionOf("Unreleased")}

Write it with: npm run release -- ${version} --write`);
    return;
  }
  for (const path of ["package.json", "package-lock.json"]) setVersion(path, version);
  writeFileSync("CHANGELOG.md", released);
  for (const name of GENERATED) npm("run", "--silent", name);
  console.log(`Prepared ${version}. Review it, then:
  git commit --all --message "Release ${version}"
  git tag --annotate v${version} --message "stuck-jobs ${version}"
  git push --follow-tags`);
}

function problemsWith(version) {
  const problems = [];
  if (!SEMVER.test(version)) problems.push(`version: "${version}"; expected x.y.z, major, minor or patch`);
  else if (!isNewer(version, current) && (version !== current || sectionOf(current) !== null))
    problems.push(`version: ${version} is not newer than ${current}`);
  if (!/^\d{4}-\d{2}-\d{2}$/.test(values.date)) problems.push(`--date: "${values.date}"; expected yyyy-mm-dd`);
  if (!/^- /m.test(sectionOf("Unreleased") ?? "")) problems.push("CHANGELOG.md: [Unreleased] has no entry");
  if (sectionOf(version) !== null) problems.push(`CHANGELOG.md: [${version}] is there already`);
  if (git("tag", "--list", `v${version}`) !== "") problems.push(`git: the tag v${version} is there already`);
  if (values["allow-dirty"]) return problems;
  if (git("status", "--porcelain") !== "") problems.push("git: the work tree has changes");
  const branch = git("branch", "--show-current");
  if (branch !== "main") problems.push(`git: on ${branch}; expected main`);
  return problems;
}

function check(tag) {
  const manPage = readFileSync("man/stuck-jobs.1", "utf8")
    .split("\n")
    .find((line) => line.startsWith(".TH"));
  const { repository } = readJson("package.json");
  const here = process.env.GITHUB_REPOSITORY;
  const wrong = [
    [tag === `v${current}`, `tag: ${tag}; package.json has ${current}`],
    [readJson("package-lock.json").version === current, `package-lock.json: not ${current}`],
    [sectionOf(current) !== null, `CHANGELOG.md: no section [${current}]`],
    [manPage?.includes(`stuck\\-jobs ${current}`) === true, `man/stuck-jobs.1: not of ${current}; npm run man`],
    // npm refuses a provenance that names another repository.
    [here === undefined || repository.url.endsWith(`/${here}.git`), `package.json: repository is not ${here}`],
  ].flatMap(([isRight, problem]) => (isRight ? [] : [problem]));
  if (wrong.length > 0) fail(wrong.join("\n"));
  console.log(`${tag}: tag, version, changelog and man page agree`);
}

/** Returns the changelog's section of a version, without its heading; null where there is none. */
function sectionOf(version) {
  const [, ...sections] = readFileSync("CHANGELOG.md", "utf8").split(/^(?=## \[)/m);
  const section = sections.find((each) => each.startsWith(`## [${version}]`));
  return section === undefined ? null : section.replace(/^.*\n/, "").trim();
}

function versionAfter(version, wanted) {
  const [major, minor, patch] = SEMVER.exec(version).slice(1, 4).map(Number);
  switch (wanted) {
    case "major":
      return `${major + 1}.0.0`;
    case "minor":
      return `${major}.${minor + 1}.0`;
    case "patch":
      return `${major}.${minor}.${patch + 1}`;
    default:
      return wanted;
  }
}

function isNewer(version, than) {
  const [a, b] = [version, than].map((each) => SEMVER.exec(each).slice(1, 4).map(Number));
  const at = a.findIndex((number, index) => number !== b[index]);
  return at === -1 ? than.includes("-") && !version.includes("-") : a[at] > b[at];
}

function setVersion(path, version) {
  const json = readJson(path);
  json.version = version;
  if (json.packages?.[""] !== undefined) json.packages[""].version = version;
  writeFileSync(path, `${JSON.stringify(json, null, 2)}\n`);
}

function npm(...args) {
  const { status } = spawnSync("npm", args, { stdio: "inherit" });
  if (status !== 0) fail(`npm ${args.join(" ")} failed`);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
