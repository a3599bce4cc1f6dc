"""The Faust application: its settings, and a consumer that commits what was applied, never what Faust believes.

Faust acks an event that it skips after a rebalance, and commits past an unfinished one when acks arrive out of order
(faust #606). So its own bookkeeping is kept tidy and then ignored: offsets come from the leases.
"""

import tempfile
from collections.abc import Iterable
from pathlib import Path

import faust
from faust.auth import SASLCredentials, SSLCredentials
from faust.transport.drivers.aiokafka import Consumer, Transport
from faust.types import TP

from pipeline.settings import KafkaSettings
from pipeline.transport import kafka_context
from schemas.topics import TRACE_LOG
from streams.leases import Leases
from streams.outbox import Outbox
from streams.partition import GROUP

# Faust makes this folder, by default in the working directory, though nothing is ever kept in it.
EMPTY_DATADIR = Path(tempfile.gettempdir()) / "pr-telemetry-streams"
SESSION_TIMEOUT_S = 8  # after kill -9 so long until another worker, or the same one restarted, gets the partitions


class LeaseConsumer(Consumer):
    """Commits the `applied` offset of every lease, then writes the progress marks that the commit covers."""

    app: "AssemblyApp"

    async def _commit_tps(self, tps: Iterable[TP], start_new_transaction: bool) -> bool:
        self._filter_committable_offsets(tps)
        assigned = self.assignment()
        marks = {
            tp: lease.progress()
            for lease in self.app.leases.of(self.app.consumer_generation_id)
            if (tp := TP(TRACE_LOG.name, lease.partition)) in assigned and self._should_commit(tp, lease.applied)
        }
        offsets = {tp: mark.committed_offset for tp, mark in marks.items()}
        if not offsets or not await self._commit_offsets(offsets, start_new_transaction):
            return False
        await self.app.leases.covered(marks.values(), self.app.outbox.mark)
        return True


class LeaseTransport(Transport):
    """The aiokafka driver with our consumer."""

    Consumer = LeaseConsumer


class AssemblyApp(faust.App):
    """An app that knows its leases and its outbox, as its consumer needs them."""

    leases: Leases
    outbox: Outbox


def _credentials(kafka: KafkaSettings) -> SASLCredentials | SSLCredentials | None:
    """What `pipeline.kafka` tells its clients, in Faust's terms."""
    context = kafka_context(kafka)
    if kafka.over_sasl:
        user, password = kafka.kafka_sasl_user, kafka.kafka_sasl_password
        mechanism = kafka.kafka_sasl_mechanism
        return SASLCredentials(username=user, password=password, ssl_context=context, mechanism=mechanism)
    return SSLCredentials(context) if context else None


def make_app(kafka: KafkaSettings, leases: Leases, outbox: Outbox) -> AssemblyApp:
    """The application, without agents. No table, no web server, no topic of its own."""
    app = AssemblyApp(
        GROUP,
        broker=";".join(f"kafka://{broker.strip()}" for broker in kafka.kafka_bootstrap.split(",")),
        broker_credentials=_credentials(kafka),
        store="memory://",
        datadir=EMPTY_DATADIR,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        consumer_auto_offset_reset="earliest",
        producer_acks=-1,
        broker_session_timeout=SESSION_TIMEOUT_S,
        broker_heartbeat_interval=1,
        broker_commit_interval=1,
    )
    app.leases, app.outbox = leases, outbox
    app.transport = LeaseTransport(app.conf.broker_consumer, app)
    return app
