#!/bin/sh
# Makes the analyst's user of the Compose stack where CLICKHOUSE_ANALYST_PASSWORD is given. The server's image runs this
# after access.sql, which makes the role.
if [ -n "$CLICKHOUSE_ANALYST_PASSWORD" ]; then
    name="\`${CLICKHOUSE_ANALYST_USER:-analyst}\`"
    hash=$(printf %s "$CLICKHOUSE_ANALYST_PASSWORD" | sha256sum | cut -d ' ' -f 1)
    clickhouse-client --user "$CLICKHOUSE_USER" --password "$CLICKHOUSE_PASSWORD" --multiquery --query "
        CREATE USER IF NOT EXISTS $name;
        ALTER USER $name IDENTIFIED WITH sha256_hash BY '$hash';
        GRANT analysts TO $name;
        ALTER USER $name DEFAULT ROLE analysts;
    "
fi
