-- Whether a migrated warehouse holds anything that was loaded, or was tried to load.
SELECT
    EXISTS (SELECT FROM public.ingestion_batches)
    OR EXISTS (SELECT FROM public.history_batches)
    OR EXISTS (SELECT FROM public.coin_list_batches)
    OR EXISTS (SELECT FROM public.coin_aliases);
