-- What analysts may read and take on a ClickHouse server, from `pr-telemetry grants`: docs/operations.md.
-- Taking it again changes nothing; users are made apart.

CREATE ROLE IF NOT EXISTS analysts;
CREATE SETTINGS PROFILE OR REPLACE analysts SETTINGS
    readonly = 1,
    max_memory_usage = 1073741824 MIN 1 MAX 1073741824 CHANGEABLE_IN_READONLY,
    max_execution_time = 60 MIN 1 MAX 60 CHANGEABLE_IN_READONLY,
    max_threads = 2 MIN 1 MAX 2 CHANGEABLE_IN_READONLY,
    max_result_rows = 10000000 MIN 1 MAX 10000000 CHANGEABLE_IN_READONLY,
    max_temporary_data_on_disk_size_for_query = 8589934592,
    max_concurrent_queries_for_user = 6,
    cancel_http_readonly_queries_on_client_close = 1
TO analysts;
CREATE QUOTA OR REPLACE analysts KEYED BY user_name FOR INTERVAL 1 hour MAX queries = 500000, execution_time = 7200
TO analysts;
REVOKE ALL ON *.* FROM analysts;
GRANT SELECT, dictGet ON telemetry.v1_* TO analysts;
