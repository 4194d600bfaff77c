-- What a lake that has the changes up to a number still lacks.
SELECT kind, batch_id FROM lake.changes WHERE change_id > %(after)s
