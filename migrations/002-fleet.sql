-- What the hosts of a fleet know of each other (docs/fleet.md). The queue itself is pg-boss's, in the same schema.

-- One row for each interval: who planned it, by which configuration, and who closed it.
CREATE TABLE slots (
  start timestamptz PRIMARY KEY,
  ends timestamptz NOT NULL,
  digest text NOT NULL,
  host text NOT NULL,
  bases int NOT NULL,
  planned_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  closed_at timestamptz,
  closed_by text
);
CREATE INDEX slots_open ON slots (start) WHERE closed_at IS NULL;

-- One row for each attempt to sweep a base. `slot` is null for a run that was not planned; `result` is what monitoring
-- needs of it, until its slot is closed.
CREATE TABLE sweeps (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  base text NOT NULL,
  name text NOT NULL,
  slot timestamptz,
  job uuid NOT NULL,
  attempt int NOT NULL,
  host text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at timestamptz,
  run text,
  exit_code int,
  fault text,
  summary json,
  result json,
  UNIQUE (job, attempt)
);
CREATE INDEX sweeps_by_base ON sweeps (base, id);
CREATE INDEX sweeps_by_slot ON sweeps (slot);
CREATE INDEX sweeps_by_age ON sweeps (started_at);

-- The pace of each account: `tat` is when the next request may go.
CREATE TABLE budgets (
  account text PRIMARY KEY,
  tat timestamptz NOT NULL,
  slow_until timestamptz NOT NULL DEFAULT '-infinity',
  refused_at timestamptz
);

-- Alerts of a base, and metrics of the fleet.
CREATE TABLE states (
  key text PRIMARY KEY,
  value json NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);
