import pack from "../../package.json" with { type: "json" };
import type { Interval } from "./interval.ts";
import type { RenderedFile, Schedule } from "./schedule.ts";

/** The shortest interval of a schedule on GitHub, which starts later when it is busy. */
const LEAST: Omit<Interval, "calendar"> = { minutes: 5, cron: "*/5 * * * *", words: "5 minutes" };

/** The action of this version, which action.yml at the root of the repository describes. */
const ACTION = `${new URL(pack.bugs).pathname.split("/").slice(1, 3).join("/")}@v${pack.version}`;

/**
 * Renders the smoke job for CI: it reads a staging base and writes nothing. GitHub's schedule is too coarse and too
 * unsteady for the sweep itself.
 */
export function renderGithubActions({ every, config }: Schedule): readonly RenderedFile[] {
  const { cron, words } = every.minutes < LEAST.minutes ? LEAST : every;
  const input = config === null ? "" : `\n          config: ${JSON.stringify(config.relative)}`;
  return [
    {
      path: "stuck-jobs-smoke.yml",
      content: `# stuck-jobs: a smoke test against a staging base every ${words}; it writes nothing.
# Rendered by: stuck-jobs schedule print github-actions
#
# 1. Copy it to .github/workflows of the repository that holds the configuration.
# 2. gh secret set STAGING_AIRTABLE_API_KEY      a token that may only read the staging base
#    gh variable set STAGING_AIRTABLE_BASE_ID --body app...
# 3. The summary of each run has the table of the stuck jobs; the log: gh run view --log
name: stuck-jobs smoke

on:
  schedule:
    - cron: "${cron}"
  workflow_dispatch:

permissions:
  contents: read

concurrency:
  group: stuck-jobs-smoke
  cancel-in-progress: false

jobs:
  smoke:
    runs-on: ubuntu-latest
    timeout-minutes: 5
    env:
      AIRTABLE_API_KEY: \${{ secrets.STAGING_AIRTABLE_API_KEY }}
      AIRTABLE_BASE_ID: \${{ vars.STAGING_AIRTABLE_BASE_ID }}
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
        with:
          persist-credentials: false
      # 0: nothing is stuck. 10: stuck jobs were found, which is what the tool is for. Anything else fails the step.
      - name: Scan
        uses: ${ACTION}
        with:
          command: scan
          args: --exit-code${input}
      - name: Recover, as a dry run
        id: recover
        uses: ${ACTION}
        with:
          command: recover
          args: --dry-run${input}
      - name: Fail where a job could not be written
        run: test "$ERRORS" -eq 0
        env:
          ERRORS: \${{ steps.recover.outputs.errors }}
`,
    },
  ];
}
