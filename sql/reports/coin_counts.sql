-- How many coins are known and active, and what happened to them lately.
SELECT
    count(*) AS known,
    count(*) FILTER (WHERE is_active) AS active,
    (SELECT count(*) FROM coin_events WHERE known_at > now() - interval '30 days') AS events,
    (SELECT count(*) FROM coin_alias_suggestions) AS suggestions
FROM analytics.v_coins
