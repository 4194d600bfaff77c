-- What etl_role and analytics_role may do, as far as the database has them: see docs/SECURITY.md.
-- Runs as the owner of the tables: after every migration, and at the end of roles.sql. A role that
-- is the owner itself, as in an installation with one role, is left alone.
DO $$
DECLARE
    t record;
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'etl_role' AND rolname <> current_user) THEN
        GRANT USAGE ON SCHEMA public, analytics TO etl_role;
        FOR t IN
            -- A partition is reached through its table.
            SELECT
                c.oid::regclass AS name,
                CASE
                    WHEN c.relname = 'alembic_version' OR c.relkind = 'v' THEN 'SELECT'
                    -- The kind of the data is said once, and does not change.
                    WHEN c.relname = 'data_origin' THEN 'SELECT, INSERT'
                    ELSE 'SELECT, INSERT, UPDATE'
                END AS verbs
            FROM pg_class AS c
            WHERE c.relnamespace IN ('public'::regnamespace, 'analytics'::regnamespace)
                AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
                AND pg_has_role(current_user, c.relowner, 'USAGE')
        LOOP
            EXECUTE format('REVOKE ALL ON %s FROM etl_role', t.name);
            EXECUTE format('GRANT %s ON %s TO etl_role', t.verbs, t.name);
        END LOOP;
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA public, analytics TO etl_role;
        GRANT EXECUTE ON FUNCTION
            ensure_month_partitions(regclass, timestamptz[]),
            create_month_partitions_ahead(integer),
            drop_months_before(timestamptz),
            create_month_table(regclass, timestamptz),
            index_loading_month(regclass, timestamptz),
            attach_loading_month(regclass, timestamptz),
            gaps_between(timestamptz, timestamptz),
            v_price_history_as_of(timestamptz),
            revise_version_starts(text[], timestamptz[]),
            unload_history(text[], text[]),
            drop_consensus(text[], text[], timestamptz[])
            TO etl_role;
        -- A month on its way is filled by the loader; when it is attached, this right ends.
        GRANT USAGE ON SCHEMA loading TO etl_role;
        ALTER DEFAULT PRIVILEGES IN SCHEMA loading GRANT SELECT, INSERT ON TABLES TO etl_role;
        -- The lake is loaded from gold and from what the triggers say of it.
        GRANT USAGE ON SCHEMA lake TO etl_role;
        GRANT SELECT ON lake.changes, lake.facts, lake.unrepresentable_values,
            lake.fact_crypto_price_hourly, lake.fact_crypto_price_daily,
            lake.unrepresentable_in_candles, lake.mart_returns_hourly, lake.mart_coin_daily,
            lake.mart_rankings_daily, lake.mart_market_daily, lake.mart_correlations_daily
            TO etl_role;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'analytics_role' AND rolname <> current_user) THEN
        GRANT USAGE ON SCHEMA public, analytics TO analytics_role;
        FOR t IN
            SELECT c.oid::regclass AS name
            FROM pg_class AS c
            WHERE (
                    c.relnamespace = 'analytics'::regnamespace AND c.relkind IN ('r', 'p', 'v')
                    OR c.relnamespace = 'public'::regnamespace AND c.relkind = 'v'
                )
                AND NOT c.relispartition
                AND pg_has_role(current_user, c.relowner, 'USAGE')
        LOOP
            EXECUTE format('REVOKE ALL ON %s FROM analytics_role', t.name);
            EXECUTE format('GRANT SELECT ON %s TO analytics_role', t.name);
        END LOOP;
        GRANT EXECUTE ON FUNCTION
            gaps_between(timestamptz, timestamptz),
            v_price_history_as_of(timestamptz)
            TO analytics_role;
    END IF;
END
$$;
