"""Results as arrays and JSON, and back: how dataclasses that hold measurements are kept in a file.

    arrays, record = packed(result)                     # {"maps.0": array, ...}, and what JSON can hold
    unpacked(Strategies, arrays, record)                # equal to ``result``

A result is a dataclass of numbers, texts, arrays, None, tuples of these, and other such dataclasses. Its type says what
to build, so that a file cannot ask for anything else; the types that its annotations name are imported in its module.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from xai.networks.study_files import Arrays

Result = TypeVar("Result")
NUMBERS: dict[type, Any] = {int: int, float: (int, float), bool: bool, str: str}  # JSON may write 1.0 as 1


def packed(result: Any) -> tuple[Arrays, Any]:
    """The arrays of a result by their paths, and the rest as JSON knows it, with paths where arrays are."""
    arrays: Arrays = {}
    return arrays, _plain(result, "", arrays)


def _plain(value: Any, path: str, arrays: Arrays) -> Any:
    if is_dataclass(value):
        inner = {field.name: getattr(value, field.name) for field in fields(value)}
        return {name: _plain(one, f"{path}.{name}".lstrip("."), arrays) for name, one in inner.items()}
    if isinstance(value, tuple):
        return [_plain(one, f"{path}.{index}", arrays) for index, one in enumerate(value)]
    if isinstance(value, np.ndarray):
        arrays[path] = value
        return path
    return value.item() if isinstance(value, np.generic) else value


def unpacked(kind: type[Result], arrays: Mapping[str, Any], record: Any) -> Result:
    """The result of this type; TypeError, KeyError or ValueError where the file does not hold one."""
    built: Result = _built(kind, arrays, record)
    return built


def _built(kind: Any, arrays: Mapping[str, Any], value: Any) -> Any:
    origin, inside = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return None if value is None else _built(_not_none(inside), arrays, value)
    if origin is tuple:
        return tuple(_built(one, arrays, part) for one, part in zip(_each(inside, value), value, strict=True))
    if origin in (np.ndarray, NDArray):
        return _array(kind, arrays[value])
    if is_dataclass(kind):
        hints, known = get_type_hints(kind), [one.name for one in fields(kind) if one.name in value or _is_needed(one)]
        return kind(**{name: _built(hints[name], arrays, value[name]) for name in known})  # type: ignore[operator]
    if not isinstance(value, NUMBERS[kind]) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return kind(value)


def _is_needed(field: Field[Any]) -> bool:
    """Whether a field has no default: one with a default may be newer than the file."""
    return field.default is MISSING and field.default_factory is MISSING


def _not_none(kinds: tuple[Any, ...]) -> Any:
    [kind] = [one for one in kinds if one is not type(None)]
    return kind


def _each(kinds: tuple[Any, ...], values: list[Any]) -> tuple[Any, ...]:
    """The type of each member of a tuple: ``tuple[int, ...]`` or ``tuple[int, str]``."""
    return (kinds[0],) * len(values) if kinds[-1] is Ellipsis else kinds


def _array(kind: Any, array: Any) -> Any:
    """An array of the kind of number that the annotation names; ``NDArray[Any]`` takes all."""
    inside = get_args(kind)
    [scalar] = inside if get_origin(kind) is NDArray else get_args(inside[1]) or [Any]  # as of numpy 2.5, and before
    if scalar is not Any and not np.issubdtype(array.dtype, scalar):
        raise TypeError(f"{array.dtype} is no {scalar.__name__}")
    return array
