"""Rows of one table, held column by column. Pure.

That is the form in which ClickHouse takes them. A dict for each row, and the columns out of these dicts, cost more than
all else that the sink does with an event, and keep the cycle collector busy for as long as they wait to be inserted.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Columns(Collection[Row]):
    """Values by name; at least one column, all of the same length. Iterated they are rows."""

    values: dict[str, list[Any]]

    @classmethod
    def of(cls, rows: Collection[Row]) -> "Columns":
        """The same rows; at least one, and every one with the same columns."""
        if isinstance(rows, Columns):
            return rows
        first = next(iter(rows))
        return cls({name: [row[name] for row in rows] for name in first})

    @classmethod
    def joined(cls, parts: Iterable[Collection[Row]]) -> "Columns":
        """The rows of all parts, one after the other; at least one part. The parts stay as they are."""
        first, *rest = map(cls.of, parts)
        values = {name: list(column) for name, column in first.values.items()}
        for part in rest:
            for name, column in values.items():
                column += part.values[name]
        return cls(values)

    def beside(self, same: Row, front: bool = False) -> "Columns":
        """With these columns too, of the same value in every row."""
        more = {name: [value] * len(self) for name, value in same.items()}
        return Columns(more | self.values if front else self.values | more)

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))

    def __iter__(self) -> Iterator[Row]:
        for cells in zip(*self.values.values(), strict=True):
            yield dict(zip(self.values, cells, strict=True))

    def __contains__(self, row: object) -> bool:
        return row in list(self)
