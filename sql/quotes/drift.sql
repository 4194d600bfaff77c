-- In how many staged quotes each field is undocumented, or missing though documented, most frequent first.
SELECT coalesce(jsonb_object_agg(field, items ORDER BY items DESC, field), '{}') AS schema_drift
FROM (
    SELECT field, count(*) AS items
    FROM staged_quotes
    CROSS JOIN LATERAL unnest(
        string_to_array(unknown_fields, ',')
        || ARRAY(SELECT '-' || missing FROM unnest(string_to_array(missing_fields, ',')) AS m (missing))
    ) AS f (field)
    GROUP BY field
) AS counted
