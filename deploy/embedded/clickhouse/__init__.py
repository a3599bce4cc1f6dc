"""The ClickHouse engine (chDB) behind the part of ClickHouse's HTTP interface that ordinary clients use.

For trusted local users only: the administrator has no password by default, and all runs in one process. The engine has
one user with roles; a connection takes the role of its account, so the engine itself checks what an analyst reads. This
server tells accounts apart, refuses what is not reading, and counts. It listens on 127.0.0.1 only. What it acknowledges
survives the death of the process, not a power loss.

Deliberately absent: compressed responses (loopback is faster without, and every client accepts them plain),
ClickHouse's own block compression (`compress=1`), external tables, CREATE USER and its like.
"""
