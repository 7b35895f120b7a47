-- Backups that were made and verified by restoring them: what tells that they are too old.
CREATE TABLE backups (
    name text PRIMARY KEY,
    made_at timestamptz NOT NULL,
    size bigint NOT NULL CHECK (size > 0),
    verified_at timestamptz
);
