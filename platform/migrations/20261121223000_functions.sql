-- The function registry: analyzers that are deployed while the platform runs.

-- Who publishes. A key that deploys without belonging to one gets one of its own.
CREATE TABLE publishers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(name) <= 64),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- API keys that deploy in the name of a publisher.
CREATE TABLE publisher_members (
    key_id bigint PRIMARY KEY REFERENCES api_keys ON DELETE CASCADE,
    publisher_id bigint NOT NULL REFERENCES publishers
);

CREATE INDEX publisher_members_by_publisher ON publisher_members (publisher_id);

-- Ed25519 keys that a publisher signs with.
CREATE TABLE publisher_keys (
    -- The first 16 hexadecimal digits of the public key's SHA-256.
    id text PRIMARY KEY CHECK (id ~ '^[0-9a-f]{16}$'),
    publisher_id bigint NOT NULL REFERENCES publishers,
    public_key bytea NOT NULL UNIQUE CHECK (length(public_key) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);

CREATE INDEX publisher_keys_by_publisher ON publisher_keys (publisher_id);

-- Names that are kept for a publisher: the prefix itself, and all that begins with it and `-`.
CREATE TABLE namespaces (
    prefix text PRIMARY KEY CHECK (prefix ~ '^[a-z][a-z0-9]*(-[a-z0-9]+)*$' AND length(prefix) <= 64),
    publisher_id bigint NOT NULL REFERENCES publishers,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX namespaces_by_publisher ON namespaces (publisher_id);

CREATE TABLE functions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[a-z][a-z0-9]*(-[a-z0-9]+)*$' AND length(name) <= 64),
    -- Who published its first version; only they publish more.
    publisher_id bigint NOT NULL REFERENCES publishers,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE function_versions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    function_id bigint NOT NULL REFERENCES functions,
    version text NOT NULL,
    -- Of the component; its storage key follows from it.
    sha256 bytea NOT NULL CHECK (length(sha256) = 32),
    size_bytes bigint NOT NULL,
    -- The WIT package and version that it speaks.
    contract text NOT NULL,
    descriptor jsonb NOT NULL,
    -- What it imports.
    capabilities text[] NOT NULL,
    signature bytea CHECK (length(signature) = 64),
    signing_key text REFERENCES publisher_keys,
    publisher_id bigint NOT NULL REFERENCES publishers,
    -- What admission measured.
    measures jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- Not to be promoted any more; aliases that name it stay.
    yanked_at timestamptz,
    -- Not run any more, whatever names it.
    disabled_at timestamptz,
    disabled_reason text,
    UNIQUE (function_id, version),
    CHECK ((signature IS NULL) = (signing_key IS NULL)),
    CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL))
);

CREATE INDEX function_versions_by_object ON function_versions (sha256);
CREATE INDEX function_versions_by_key ON function_versions (signing_key) WHERE signing_key IS NOT NULL;

CREATE FUNCTION refuse_changed_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a published version never changes';
END $$;

CREATE TRIGGER function_versions_immutable
BEFORE UPDATE OF function_id, version, sha256, size_bytes, contract, descriptor, capabilities,
    signature, signing_key, publisher_id, created_at
ON function_versions FOR EACH ROW EXECUTE FUNCTION refuse_changed_version();

-- Components that are about to be stored. Written before the object and deleted in the
-- transaction that writes the version, so that no crash leaves an object that nobody knows of.
CREATE TABLE component_uploads (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sha256 bytea NOT NULL CHECK (length(sha256) = 32),
    begun_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX component_uploads_by_object ON component_uploads (sha256);

CREATE TABLE function_aliases (
    function_id bigint NOT NULL REFERENCES functions,
    alias text NOT NULL CHECK (alias ~ '^[a-z][a-z0-9]*(-[a-z0-9]+)*$' AND length(alias) <= 32),
    version_id bigint NOT NULL REFERENCES function_versions,
    moved_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (function_id, alias)
);

CREATE INDEX function_aliases_by_version ON function_aliases (version_id);

-- Who moved what, when. Never changed.
CREATE TABLE function_alias_moves (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    function_id bigint NOT NULL REFERENCES functions,
    alias text NOT NULL,
    -- Null for the first.
    from_version bigint REFERENCES function_versions,
    to_version bigint NOT NULL REFERENCES function_versions,
    kind text NOT NULL CHECK (kind IN ('promote', 'rollback')),
    actor text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX function_alias_moves_by_function ON function_alias_moves (function_id, id DESC);

-- Every worker listens to this, and looks what there is to run.
CREATE FUNCTION notify_functions_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('functions_changed', '');
    RETURN NULL;
END $$;

CREATE TRIGGER function_aliases_changed AFTER INSERT OR UPDATE OR DELETE
ON function_aliases FOR EACH STATEMENT EXECUTE FUNCTION notify_functions_changed();

CREATE TRIGGER function_versions_changed AFTER UPDATE OF disabled_at
ON function_versions FOR EACH STATEMENT EXECUTE FUNCTION notify_functions_changed();

CREATE TRIGGER publisher_keys_changed AFTER UPDATE OF revoked_at
ON publisher_keys FOR EACH STATEMENT EXECUTE FUNCTION notify_functions_changed();
