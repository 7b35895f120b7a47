-- Canary and shadow: versions that take a share of the tasks, or are tried beside the stable one.

-- Percent of the tasks; null for aliases that take no share. A row of the version of Packguard
-- before this one has none: it takes no tasks until the alias is moved again.
ALTER TABLE function_aliases ADD COLUMN percent smallint;
ALTER TABLE function_aliases ADD CONSTRAINT function_aliases_percent CHECK (
    percent IS NULL OR (percent BETWEEN 1 AND 100 AND alias IN ('canary', 'shadow')));
ALTER TABLE function_alias_moves ADD COLUMN percent smallint;

-- What the tries of a version came to, added up. Sums of time, fuel and memory are over the
-- runs in which both versions answered.
CREATE TABLE shadow_runs (
    version_id bigint NOT NULL REFERENCES function_versions,
    -- Whose place it took; null where none of its function ran.
    against_id bigint REFERENCES function_versions,
    verdict_before text NOT NULL CHECK (verdict_before IN ('clean', 'incomplete', 'suspicious', 'malicious')),
    verdict_after text NOT NULL CHECK (verdict_after IN ('clean', 'incomplete', 'suspicious', 'malicious')),
    -- So that a thousand workers do not wait for one row: each adds to one of a few.
    shard smallint NOT NULL,
    runs bigint NOT NULL,
    -- Those in which it trapped, passed a limit or gave up.
    failures bigint NOT NULL,
    findings_added bigint NOT NULL,
    findings_removed bigint NOT NULL,
    -- Runs in which both answered.
    compared bigint NOT NULL,
    time_us bigint NOT NULL,
    time_us_against bigint NOT NULL,
    fuel bigint NOT NULL,
    fuel_against bigint NOT NULL,
    -- The highest.
    memory bigint NOT NULL,
    memory_against bigint NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (version_id, against_id, verdict_before, verdict_after, shard)
);

-- Public packages whose verdict or findings a version would change: a few of each version.
CREATE TABLE shadow_differences (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version_id bigint NOT NULL REFERENCES function_versions,
    against_id bigint REFERENCES function_versions,
    purl text NOT NULL,
    verdict_before text NOT NULL,
    verdict_after text NOT NULL,
    score_before smallint NOT NULL,
    score_after smallint NOT NULL,
    -- How many findings, by rule.
    added jsonb NOT NULL,
    removed jsonb NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX shadow_differences_by_version ON shadow_differences (version_id, id DESC);
