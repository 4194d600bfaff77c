-- All versions of a coin show its current logo. That revises no version: no fact has to move.
MERGE INTO {lake}.dim_cryptocurrency AS t
USING changed_logos AS i
ON t.crypto_id = i.crypto_id
WHEN MATCHED THEN UPDATE SET image_url = i.image_url
