"""Structured logs: one JSON object a line on standard error, with the service's name on each."""

import logging
import os
import sys
from types import TracebackType
from typing import Any

import structlog
from structlog.tracebacks import ExceptionDictTransformer

from pipeline.errors import Explained

# aiokafka repeats its topics at each look at a topic's end, which is most lines of a quiet service's log.
REPETITIVE = "aiokafka.consumer.subscription_state"


def _is_news(record: logging.LogRecord) -> bool:
    return record.name != REPETITIVE or record.levelno > logging.INFO


def configure_logs(service: str, level: str = "INFO") -> None:
    """Set up logging for one process; libraries' own log records come out in the same form."""

    def named(_logger: Any, _method: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
        # Not a context variable: the threads of libraries do not inherit those.
        event["service"] = service
        return event

    shared: list[structlog.types.Processor] = [
        named,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_is_news)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                # Without the frames' variables: among them are secrets and what participants wrote.
                structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    sys.excepthook = _log_fatal


def logs_beside_results() -> None:
    """For commands: what is logged goes to standard error as plain lines; standard output has results only."""
    # The stream of now, asked for at each line: tests put others in its place.
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))


def _log_fatal(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What ends the process is its last log line; the interpreter then exits with status 1, or with the error's own."""
    if not issubclass(kind, Exception):
        sys.__excepthook__(kind, error, trace)
    elif isinstance(error, Explained):
        logger(__name__).critical("stopping", reason=str(error))
        if error.exit_status != Explained.exit_status:
            logging.shutdown()
            os._exit(error.exit_status)
    else:
        logger(__name__).critical("stopping", reason=repr(error), exc_info=error)


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger; call it as `log.info("what happened", key=value)`."""
    bound: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return bound
