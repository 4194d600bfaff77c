-- a landing file of the list of coins that could not be loaded
SELECT landing_file, error FROM coin_list_batches WHERE status = 'failed'
