-- The part of the serving database (Azure SQL) that the pipeline of data_factory.json needs: the hours
-- that are in the star schema. A report that reads the lake can ask here how fresh it is.
-- Run once, by the database's administrator; <factory> is the data factory's name.
CREATE SCHEMA analytics;
GO

CREATE TABLE analytics.gold_loads (
    scheduled_time datetime2(0) NOT NULL CONSTRAINT gold_loads_key PRIMARY KEY,
    run_id uniqueidentifier NOT NULL,
    star_schema nvarchar(256) NOT NULL,
    notebook_run_url nvarchar(1024) NULL,
    recorded_at datetime2(3) NOT NULL CONSTRAINT gold_loads_recorded_at DEFAULT SYSUTCDATETIME()
);
GO

-- One row an hour, whatever is run twice: the newest run's.
CREATE OR ALTER PROCEDURE analytics.record_gold_load
    @scheduled_time datetime2(0),
    @run_id uniqueidentifier,
    @star_schema nvarchar(256),
    @notebook_run_url nvarchar(1024)
AS
BEGIN
    SET NOCOUNT ON;
    MERGE analytics.gold_loads WITH (HOLDLOCK) AS t
    USING (SELECT @scheduled_time AS scheduled_time) AS s ON t.scheduled_time = s.scheduled_time
    WHEN MATCHED THEN UPDATE SET
        run_id = @run_id,
        star_schema = @star_schema,
        notebook_run_url = @notebook_run_url,
        recorded_at = SYSUTCDATETIME()
    WHEN NOT MATCHED THEN
        INSERT (scheduled_time, run_id, star_schema, notebook_run_url)
        VALUES (@scheduled_time, @run_id, @star_schema, @notebook_run_url);
END;
GO

-- The factory signs in as itself, and may run the procedure and nothing else.
CREATE USER [<factory>] FROM EXTERNAL PROVIDER;
GO

GRANT EXECUTE ON OBJECT::analytics.record_gold_load TO [<factory>];
GO
