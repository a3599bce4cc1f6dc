"""The ClickHouse engine (chDB) behind the part of ClickHouse's HTTP interface that ordinary clients use.

For trusted local users only. The engine runs in this process and cannot create users: what the analyst may not do is
refused by this server before the engine sees it, which keeps mistakes out but is not a boundary against attackers. On
a real server the analyst is a user of that server. It listens on 127.0.0.1 only. What it acknowledges survives the
death of the process, not a power loss.

Deliberately absent: compressed responses (loopback is faster without, and every client accepts them plain),
ClickHouse's own block compression (`compress=1`), external tables, roles and quotas.
"""
