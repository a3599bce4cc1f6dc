"""Whether the test framework is still the one that was loaded before the code under test.

Functions and classes of the framework are remembered by identity, functions also by their code. What honest programs
change for good (attributes such as `TestCase.maxDiff`, new names in `builtins`) is not watched.
"""

from __future__ import annotations

import builtins
import random
import string
import sys
import time
from collections.abc import Iterator, Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Any

_DESCRIPTORS = (FunctionType, staticmethod, classmethod, property, type)
_OFTEN_REPLACED = {"open", "print", "input", "__import__", "exit", "quit", "help", "copyright", "credits", "license"}
_OWN_HABITS = {"_getini_unknown_type"}  # a plugin of pytest's own (legacypath) replaces this method at each start
PROGRAMS = (sys.prefix, sys.base_prefix, "/usr/")  # where the image has Python and its packages
_SHARE = 20  # at most one part in so many of the time goes into looking


class Watch:
    """Remembers the framework's modules (by the first part of their names) as they are now."""

    def __init__(self, roots: frozenset[str]) -> None:
        self._modules = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in roots}
        self._known = [entry for module in self._modules.values() for entry in _entries(module)]
        self._builtins = {name: value for name, value in vars(builtins).items() if name not in _OFTEN_REPLACED}
        self._clock = time.perf_counter
        self._next = 0.0

    def soon(self) -> str | None:
        """What was changed, as `finished` says it, unless it was looked for a moment ago."""
        now = self._clock()
        if now < self._next:
            return None
        found = self._changed() or equal_to_everything()
        self._next = self._clock() + _SHARE * (self._clock() - now)
        return found

    def finished(self) -> str | None:
        """What was changed, in a few words; None where nothing was."""
        for name, value in self._builtins.items():
            if vars(builtins).get(name) is not value:
                return f"builtins.{name} was replaced"
        return self._changed() or equal_to_everything()

    def _changed(self) -> str | None:
        if sys.gettrace() is not None or sys.getprofile() is not None:
            return "a trace function is set"
        if monitored := _monitored():
            return monitored
        for name, module in self._modules.items():
            if sys.modules.get(name) is not module:
                return f"the module {name} was replaced"
        for where, holder, name, value, inside in self._known:
            if holder.get(name) is not value or (inside is not None and _inside(value) != inside):
                return f"{where}.{name} was replaced"
        return None


def _monitored() -> str | None:
    monitoring = getattr(sys, "monitoring", None)
    tools = [monitoring.get_tool(tool) for tool in range(6)] if monitoring else []
    return "sys.monitoring is in use" if any(tools) else None


def _entries(
    module: ModuleType,
) -> Iterator[tuple[str, Mapping[str, Any], str, Any, tuple[CodeType, Any, Any] | None]]:
    for name, value in list(vars(module).items()):
        if not isinstance(value, FunctionType | type):
            continue
        yield module.__name__, vars(module), name, value, _inside(value)
        if isinstance(value, type) and value.__module__ == module.__name__:
            for attribute, member in list(vars(value).items()):
                if isinstance(member, _DESCRIPTORS) and attribute not in _OWN_HABITS:
                    yield f"{module.__name__}.{value.__qualname__}", vars(value), attribute, member, _inside(member)


def _inside(value: Any) -> tuple[CodeType, Any, Any] | None:
    function = getattr(value, "__func__", value)
    if not isinstance(function, FunctionType):
        return None
    return function.__code__, function.__defaults__, function.__kwdefaults__


def equal_to_everything() -> str | None:
    """Names a class whose instances say that they equal a number, a text and an object never seen before.

    A test compares what the code under test returns, so such an object passes every comparison. Only classes that do
    not come with the image are looked at.
    """
    letters = "".join(random.choices(string.ascii_letters, k=20))
    probes = (object(), random.getrandbits(80), letters)
    found = next((type_ for type_ in _classes() if _equals(type_, probes)), None)
    return None if found is None else f"{found.__module__}.{found.__qualname__} equals everything"


def _classes() -> Iterator[type]:
    left: list[type] = [object]
    seen: set[type] = {object}
    while left:
        below: list[type] = type.__subclasses__(left.pop())
        for found in below:
            if found not in seen:
                seen.add(found)
                left.append(found)
                if _defines_equality(found):
                    yield found


def _defines_equality(type_: type) -> bool:
    equal = vars(type_).get("__eq__")
    if equal is None or type(equal) is type(object.__eq__):
        return False
    code = getattr(equal, "__code__", None)
    return not (code and code.co_filename.startswith(PROGRAMS))


def _equals(type_: type, probes: tuple[object, ...]) -> bool:
    try:
        blank: Any = type_.__new__(type_, "blank", (), {}) if issubclass(type_, type) else type_.__new__(type_)
        return all(bool(blank == probe) for probe in probes)
    except BaseException:
        return False
