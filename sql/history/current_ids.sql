-- The ids under which some coins go on, in their order.
SELECT coalesce(c.current_id, t.crypto_id)
FROM unnest(%(coins)s::text[]) WITH ORDINALITY AS t (crypto_id, place)
LEFT JOIN coin_current_ids AS c USING (crypto_id)
GROUP BY 1
ORDER BY min(t.place)
