-- a newest list of coins that is far shorter than those before it: nobody is delisted by it
SELECT landing_file, coins_listed, most_listed_before
FROM (SELECT * FROM coin_list_answers ORDER BY ingested_at DESC LIMIT 1) AS newest
WHERE NOT is_complete AND source_kind(source) <> 'recorded'
