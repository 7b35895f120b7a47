-- Rules belong to the function that listed them first: reports and filters tell rules by their
-- ids alone.
CREATE TABLE function_rules (
    rule text PRIMARY KEY,
    function_id bigint NOT NULL REFERENCES functions
);

CREATE INDEX function_rules_by_function ON function_rules (function_id);

INSERT INTO function_rules (rule, function_id)
SELECT DISTINCT ON (rule ->> 'id') rule ->> 'id', v.function_id
FROM function_versions v, jsonb_array_elements(v.descriptor -> 'rules') AS rule
ORDER BY rule ->> 'id', v.id;
