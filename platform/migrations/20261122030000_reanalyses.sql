-- Re-analyses: what an improved analyzer is to see again.

-- Below all priorities that clients may ask for: what the system does for itself.
ALTER TABLE tasks DROP CONSTRAINT tasks_priority_check;
-- Not validated: what is there was checked more strictly.
ALTER TABLE tasks ADD CONSTRAINT tasks_priority_check CHECK (priority BETWEEN -1 AND 100) NOT VALID;

-- Keys of the system's own, which own the tasks that nobody submitted. No secret opens them:
-- they are void from the beginning.
ALTER TABLE api_keys ADD COLUMN system text UNIQUE CHECK (system IS NULL OR revoked_at IS NOT NULL);

CREATE TABLE reanalyses (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    function text NOT NULL,
    -- The version that is to see the packages, and the SHA-256 of its component, hexadecimal.
    version text NOT NULL,
    digest text NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
    -- Purl types; none for all.
    ecosystems text[] NOT NULL,
    -- Only reports made since.
    since timestamptz,
    -- Most packages to queue.
    most bigint CHECK (most > 0),
    -- The newest report when it began, and the one that was looked at last: it goes from new to old.
    upto bigint NOT NULL,
    cursor bigint NOT NULL,
    looked bigint NOT NULL DEFAULT 0,
    queued bigint NOT NULL DEFAULT 0,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'stopped', 'superseded')),
    actor text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    CHECK ((state = 'open') = (ended_at IS NULL))
);

CREATE UNIQUE INDEX reanalyses_open ON reanalyses (function) WHERE state = 'open';
