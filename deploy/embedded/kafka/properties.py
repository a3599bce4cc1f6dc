"""The configuration of the embedded broker (pure).

One node is broker and controller (KRaft combined mode), so every internal topic has one replica. What it acknowledges
survives the death of the process (the page cache keeps it), not a power loss: production runs three replicas.
"""

from __future__ import annotations

from pathlib import Path

NODE_ID = 1
# A TraceAssembled record carries a document of up to 128 KiB and a chunk up to 256 KiB, each plus its envelope;
# a producer batch of several must fit.
MAX_BATCH_BYTES = 2 * 1024 * 1024


def server_properties(port: int, controller_port: int, log_dir: Path) -> str:
    """The text of server.properties for a broker that listens on 127.0.0.1:`port` and keeps its logs in `log_dir`."""
    settings: dict[str, object] = {
        "process.roles": "broker,controller",
        "node.id": NODE_ID,
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"{NODE_ID}@127.0.0.1:{controller_port}",
        "log.dirs": log_dir,
        # A mistyped topic name must fail, not become a topic with the wrong partition count.
        "auto.create.topics.enable": "false",
        "message.max.bytes": MAX_BATCH_BYTES,
        "replica.fetch.max.bytes": MAX_BATCH_BYTES,
        **dict.fromkeys(_SINGLE_REPLICA, 1),
        **_SMALL_FOOTPRINT,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


_SINGLE_REPLICA = (
    "default.replication.factor",
    "offsets.topic.replication.factor",
    "transaction.state.log.replication.factor",
    "transaction.state.log.min.isr",
    "share.coordinator.state.topic.replication.factor",
    "share.coordinator.state.topic.min.isr",
)

_SMALL_FOOTPRINT: dict[str, object] = {
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.num.partitions": 1,
    "share.coordinator.state.topic.num.partitions": 1,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "background.threads": 2,
    # The default of 128 MiB would be a quarter of the heap; 16 MiB still deduplicates about 600,000 keys a pass.
    "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
    # After a kill -9 the controller refuses the new broker until the old one's session is over: 9 s by default.
    "broker.session.timeout.ms": 3000,
    "broker.heartbeat.interval.ms": 500,
    # Nobody else is going to join the first rebalance of a developer's machine.
    "group.initial.rebalance.delay.ms": 0,
}
