-- What runs wrote, and why. Rows are only ever added; `line` is one line of a journal file (docs/history.md).
-- The schema that holds the tables is set by `stuck-jobs db migrate`.

CREATE TABLE runs (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  base text NOT NULL,
  run text NOT NULL,
  line json NOT NULL
);
CREATE INDEX runs_by_base ON runs (base, id);
CREATE INDEX runs_by_age ON runs (at);

CREATE TABLE verdicts (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  base text NOT NULL,
  run text NOT NULL,
  job text NOT NULL,
  line json NOT NULL
);
CREATE INDEX verdicts_by_base ON verdicts (base, id);
CREATE INDEX verdicts_by_job ON verdicts (job);
CREATE INDEX verdicts_by_age ON verdicts (at);

-- `result` is set where the row was written in the transaction that wrote the job: then it was carried out. Else the
-- line announces a write, and a further row of the kind `result` says how it ended.
CREATE TABLE journal (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  base text NOT NULL,
  run text NOT NULL,
  kind text NOT NULL,
  job text,
  line json NOT NULL,
  result text
);
CREATE INDEX journal_by_base ON journal (base, id);
CREATE INDEX journal_by_run ON journal (run);
CREATE INDEX journal_by_job ON journal (job);
CREATE INDEX journal_by_age ON journal (at);
