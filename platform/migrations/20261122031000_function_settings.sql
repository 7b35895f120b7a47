-- What each function is run with: less than the platform's limits, and options for the guest.
CREATE TABLE function_settings (
    function_id bigint PRIMARY KEY REFERENCES functions,
    -- Null: as the platform has it, here and below.
    memory_bytes bigint CHECK (memory_bytes > 0),
    fuel bigint CHECK (fuel > 0),
    time_ms bigint CHECK (time_ms > 0),
    -- Purl types, of those that the version says it looks at.
    ecosystems text[],
    -- Strings by name.
    options jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(options) = 'object'),
    changed_at timestamptz NOT NULL DEFAULT now()
);

CREATE TRIGGER function_settings_changed AFTER INSERT OR UPDATE OR DELETE
ON function_settings FOR EACH STATEMENT EXECUTE FUNCTION notify_functions_changed();
