-- The months hold another number of market metrics than of snapshots: one of these has none, since
-- the foreign key lets no metrics be without a snapshot.
SELECT s.snapshots, m.metrics
FROM (SELECT count(*) AS snapshots FROM pruned_price_snapshots) AS s
CROSS JOIN (SELECT count(*) AS metrics FROM pruned_market_metrics) AS m
WHERE s.snapshots <> m.metrics
