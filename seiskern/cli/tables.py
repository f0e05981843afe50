"""From a nested table of TOML to nested frozen dataclasses, with errors that name the key."""

import dataclasses
import difflib
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


class ConfigError(ValueError):
    """A configuration that cannot be used; the message names the key."""


def from_table(cls: type[T], table: Mapping[str, Any]) -> T:
    """Build a dataclass from a table.

    Parameters
    ----------
    cls : type
        Dataclass whose fields are the keys. A field's type may be bool, int, float, str, a Literal of
        strings, a tuple of any length, a dataclass, or a union of these; ``float`` takes integers too.
    table : mapping
        What the TOML holds.

    Raises
    ------
    ConfigError
        If a key is unknown (said first: it may be a missing one, mistyped), missing, or of the wrong type.
    """
    _refuse_unknown(cls, table, "")
    return _build(cls, table, "")


def _refuse_unknown(cls: Any, table: Mapping[str, Any], path: str) -> None:
    """Raise at the first key of the table, or of those in it, that no field has."""
    kinds = typing.get_type_hints(cls)
    for key in table:
        if key not in kinds:
            raise ConfigError(f"`{_join(path, key)}` is unknown; {_suggest(key, list(kinds), table)}")
    for key, value in table.items():
        for nested in _tables_in(kinds[key], value, _join(path, key)):
            _refuse_unknown(*nested)


def _tables_in(kind: Any, value: Any, path: str) -> Iterator[tuple[Any, Mapping[str, Any], str]]:
    """Each table of a value or of a list: its dataclass, the table, its key."""
    for option in _options(kind):
        if dataclasses.is_dataclass(option) and isinstance(value, dict):
            yield option, value, path
        elif typing.get_origin(option) is tuple and isinstance(value, list):
            for number, item in enumerate(value):
                yield from _tables_in(typing.get_args(option)[0], item, f"{path}[{number}]")


def _build(cls: Any, table: Mapping[str, Any], path: str) -> Any:
    kinds = typing.get_type_hints(cls)
    values = {}
    for field in dataclasses.fields(cls):
        name = field.name
        if name in table:
            values[name] = _convert(kinds[name], table[name], _join(path, name))
        elif field.default is dataclasses.MISSING:
            raise ConfigError(f"`{_join(path, name)}` is missing")
    return cls(**values)


def _options(kind: Any) -> tuple[Any, ...]:
    """What a type is a union of; itself if it is none."""
    is_union = typing.get_origin(kind) in (typing.Union, types.UnionType)
    return typing.get_args(kind) if is_union else (kind,)


def _convert(kind: Any, value: Any, path: str) -> Any:
    """Return ``value`` as ``kind``, or raise with what was expected."""
    options = _options(kind)
    for option in options:
        if dataclasses.is_dataclass(option) and isinstance(value, dict):
            return _build(option, value, path)
        if typing.get_origin(option) is tuple and isinstance(value, list):
            entry = typing.get_args(option)[0]
            return tuple(_convert(entry, item, f"{path}[{number}]") for number, item in enumerate(value))
        if typing.get_origin(option) is typing.Literal and value in typing.get_args(option):
            return value
        if option is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if option in (int, str, bool) and type(value) is option:
            return value
    got = "one table" if isinstance(value, dict) else repr(value)
    raise ConfigError(f"`{path}` must be {_describe(options)}, got {got}{_hint(options, value, path)}")


def _describe(options: tuple[Any, ...]) -> str:
    return " or ".join(_describe_one(option) for option in options if option is not types.NoneType)


def _describe_one(option: Any) -> str:
    names = {bool: "true or false", int: "an integer", float: "a number", str: "a string"}
    if option in names:
        return names[option]
    if dataclasses.is_dataclass(option):
        return "a table of " + ", ".join(field.name for field in dataclasses.fields(option))
    if typing.get_origin(option) is typing.Literal:
        return "one of " + ", ".join(repr(choice) for choice in typing.get_args(option))
    entry = typing.get_args(option)[0]
    plural = {int: "integers", float: "numbers", str: "strings"}
    if entry in plural:
        return f"a list of {plural[entry]}"
    return "a list of tables" if dataclasses.is_dataclass(entry) else "a list of lists"


def _hint(options: tuple[Any, ...], value: Any, path: str) -> str:
    for option in options:
        if isinstance(value, dict) and typing.get_origin(option) is tuple:
            return f"; each starts with `[[{path}]]`"
        if typing.get_origin(option) is typing.Literal and isinstance(value, str):
            close = difflib.get_close_matches(value, typing.get_args(option), n=1)
            return f"; did you mean {close[0]!r}?" if close else ""
    return ""


def _suggest(key: str, names: list[str], given: Iterable[str]) -> str:
    """Nearest name that is not given, for that cannot be meant, or all names."""
    close = difflib.get_close_matches(key, sorted(set(names).difference(given)), n=1, cutoff=0.5)
    return f"did you mean `{close[0]}`?" if close else f"known keys are {', '.join(names)}"


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
