-- The circuit breaker: how the steps of deployed versions end, counted by all workers together.

-- Set where the breaker disabled the version; null where a person did.
ALTER TABLE function_versions ADD COLUMN tripped_at timestamptz;

CREATE TABLE function_runs (
    version_id bigint NOT NULL REFERENCES function_versions,
    minute timestamptz NOT NULL,
    -- So that a thousand workers do not wait for one row: each adds to one of a few.
    shard smallint NOT NULL,
    runs bigint NOT NULL,
    -- Those that trapped or passed a limit.
    failures bigint NOT NULL,
    PRIMARY KEY (version_id, minute, shard)
);
