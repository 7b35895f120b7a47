-- Whether an admin disabled the version: then only an admin enables it again.
ALTER TABLE function_versions ADD COLUMN disabled_by_admin boolean NOT NULL DEFAULT false
    CHECK (NOT disabled_by_admin OR disabled_at IS NOT NULL);

-- The newest set is looked up at every submission.
CREATE INDEX analysis_sets_newest ON analysis_sets (registered_at DESC);
