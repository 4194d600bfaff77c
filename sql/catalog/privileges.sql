-- What each of our roles may do with each object of the warehouse, in the catalogue's words; "own"
-- is to alter and drop it, too. A partition has the rights of its table's reader: none of its own.
-- A view can neither be emptied nor be referred to, whatever the catalogue has.
WITH roles AS (
    SELECT oid, rolname::text AS role
    FROM pg_roles
    WHERE rolname IN ('crypto_owner', 'etl_role', 'analytics_role')
),
rights AS (
    SELECT 1 AS place, 'database' AS object, r.role, v.verb, v.turn,
        has_database_privilege(r.oid, current_database(), v.verb) AS granted
    FROM roles AS r,
        unnest(ARRAY['CONNECT', 'TEMPORARY', 'CREATE']) WITH ORDINALITY AS v (verb, turn)
    UNION ALL
    SELECT 2, 'schema ' || n.nspname, r.role, v.verb, v.turn,
        has_schema_privilege(r.oid, n.oid, v.verb)
    FROM roles AS r, pg_namespace AS n,
        unnest(ARRAY['USAGE', 'CREATE']) WITH ORDINALITY AS v (verb, turn)
    WHERE n.nspname IN ('public', 'analytics', 'loading', 'lake', 'dagster')
    UNION ALL
    SELECT CASE n.nspname WHEN 'public' THEN 3 WHEN 'analytics' THEN 4 ELSE 5 END, n.nspname || '.' || c.relname, r.role,
        v.verb, v.turn,
        CASE v.verb
            WHEN 'own' THEN pg_has_role(r.oid, c.relowner, 'USAGE')
            ELSE has_table_privilege(r.oid, c.oid, v.verb)
        END
    FROM roles AS r, pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace,
        unnest(ARRAY[
            'SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER', 'own'
        ]) WITH ORDINALITY AS v (verb, turn)
    WHERE n.nspname IN ('public', 'analytics', 'loading', 'lake')
        AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
        AND NOT (c.relkind = 'v' AND v.verb IN ('TRUNCATE', 'REFERENCES'))
    UNION ALL
    SELECT 6, 'sequence ' || n.nspname || '.' || c.relname, r.role, v.verb, v.turn,
        has_sequence_privilege(r.oid, c.oid, v.verb)
    FROM roles AS r, pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace,
        unnest(ARRAY['USAGE', 'SELECT', 'UPDATE']) WITH ORDINALITY AS v (verb, turn)
    WHERE n.nspname IN ('public', 'analytics', 'loading', 'lake') AND c.relkind = 'S'
    UNION ALL
    -- Those that not everybody may call.
    SELECT 7, 'function ' || n.nspname || '.' || p.proname, r.role, v.verb, v.turn,
        CASE v.verb
            WHEN 'own' THEN pg_has_role(r.oid, p.proowner, 'USAGE')
            ELSE has_function_privilege(r.oid, p.oid, v.verb)
        END
    FROM roles AS r, pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace,
        unnest(ARRAY['EXECUTE', 'own']) WITH ORDINALITY AS v (verb, turn)
    WHERE n.nspname IN ('public', 'analytics', 'loading', 'lake')
        AND NOT has_function_privilege('public', p.oid, 'EXECUTE')
)
SELECT
    object,
    role,
    coalesce(string_agg(verb, ', ' ORDER BY turn) FILTER (WHERE granted), '') AS verbs
FROM rights
GROUP BY place, object, role
ORDER BY place, object, role
