-- The roles that own something of this database, or have rights in it: a server to which it is restored
-- needs them first.
SELECT r.rolname AS name, r.rolcanlogin AS logs_in
FROM pg_roles AS r
WHERE r.rolname !~ '^pg_'
    AND EXISTS (
        SELECT FROM pg_shdepend AS d
        WHERE d.refclassid = 'pg_authid'::regclass
            AND d.refobjid = r.oid
            AND d.deptype IN ('o', 'a')
            AND d.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    )
ORDER BY r.rolname;
