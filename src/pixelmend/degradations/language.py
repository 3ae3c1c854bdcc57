"""Chains as text: ``noise(sigma=5..25) | shuffle(jpeg(quality=30..95, p=0.8) | resize(factor=0.5..1))``.

::

    chain       = part { "|" part }
    part        = name [ "(" arguments ")" ] | combination | preset
    combination = ("seq" | "shuffle" | "one") "(" chain [ "," "p" "=" number ] ")"
    arguments   = [ name "=" value { "," name "=" value } ]
    value       = number | number ".." number | word { "/" word }

``seq`` does its parts in order, as one part of another combination; ``shuffle`` in random order; ``one`` does one of
them. ``p=`` says how probable a part is; in ``one`` it is the part's weight. Combinations take it after their parts, as
in ``one(blur | defocus, p=0.5)``.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from pixelmend.degradations.chain import OneOf, Part, Sequence, Shuffle, Step
from pixelmend.degradations.declare import Number, check_names, declared
from pixelmend.degradations.kinds import KINDS
from pixelmend.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pixelmend.degradations.base import Degradation
    from pixelmend.degradations.declare import Amount, Choice
    from pixelmend.degradations.plan import Damage

_TOKENS = re.compile(
    r"\s*(?:(?P<number>[-+]?(?:\d+(?:\.(?!\.)\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?![A-Za-z_-]))"
    r"|(?P<word>[A-Za-z0-9_][A-Za-z0-9_-]*)|(?P<sign>\.\.|[|(),=/]))"
)
_COMBINATIONS: dict[str, type[Sequence | Shuffle | OneOf]] = {"seq": Sequence, "shuffle": Shuffle, "one": OneOf}


def parse_chain(text: str, presets: dict[str, str] | None = None) -> Sequence:
    """Read a chain.

    Args:
        text: Such as ``"noise(sigma=25) | jpeg(quality=20)"``.
        presets: Chains that may be named in place of a kind.

    Raises:
        UsageError: It is not a chain (says where), or a value is out of range.
        UnknownNameError: A kind, parameter or name does not exist; names the nearest.
    """
    reader = _Reader(text, presets or {})
    parts = reader.parts()
    if reader.next is not None:
        raise reader.wanted("| or the end")
    return Sequence(parts)


def describe(plan: Iterable[Damage]) -> str:
    """What was done to one picture, as a chain; seeds and sizes are left out.

    >>> from pixelmend.degradations.plan import Damage
    >>> describe([Damage("noise", {"sigma": 25.0, "gray": 0, "seed": 7}), Damage("jpeg", {"quality": 20})])
    'noise(sigma=25, gray=0) | jpeg(quality=20)'
    """
    steps = []
    for damage in plan:
        asked = declared(KINDS[damage.kind])
        given = [
            f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
            for name, value in damage.params.items()
            if name in asked
        ]
        steps.append(f"{damage.kind}({', '.join(given)})" if given else damage.kind)
    return " | ".join(steps)


def parameters_of(kind: type[Degradation]) -> list[str]:
    """One line for each parameter of a kind: name, what is drawn if nothing is asked for, what may be, its meaning."""
    lines, meanings = [], _meanings(kind)
    for name, parameter in declared(kind).items():
        default = getattr(kind(), name)
        if isinstance(parameter, Number):
            ends = default if isinstance(default, tuple) else (default,)
            unit = f" {parameter.unit}" if parameter.unit else ""
            given = "..".join(f"{end:g}" for end in ends)
            span = f"from {parameter.low:g} to {parameter.high:g};{unit}".removesuffix(";")
            lines.append(f"{name}={given} ({span}): {meanings[name]}")
        else:
            names = default if isinstance(default, tuple) else (default,)
            lines.append(f"{name}={'/'.join(names)} (of {', '.join(parameter.names)}): {meanings[name]}")
    return lines


def _meanings(kind: type[Degradation]) -> dict[str, str]:
    """What the docstring of a kind says of each parameter."""
    told = inspect.getdoc(kind) or ""
    entries = re.findall(
        r"^    ([a-z_, ]+): (.*(?:\n        .*)*)", told.partition("Attributes:")[2], flags=re.MULTILINE
    )
    return {name.strip(): " ".join(text.split()) for names, text in entries for name in names.split(",")}


class _Reader:
    """Reads from left to right; ``next`` is the token that comes."""

    def __init__(self, text: str, presets: dict[str, str]) -> None:
        self.text, self.presets = text, presets
        self.place = self.end = 0
        self.next: str | None = None
        self.form: str | None = None
        self.advance()

    def advance(self) -> str | None:
        """Go on by a token; the one that is left behind."""
        left = self.next
        found = _TOKENS.match(self.text, self.end)
        rest = self.text[self.end :].strip()
        self.place = len(self.text) - len(self.text[self.end :].lstrip())
        if found is None and rest:
            raise UsageError(f"cannot read the chain {self.text!r} at {rest[:12]!r}")
        self.next = None if found is None else found[found.lastgroup or 0]
        self.form = None if found is None else found.lastgroup
        self.end = len(self.text) if found is None else found.end()
        return left

    def wanted(self, what: str) -> UsageError:
        got = repr(self.text[self.place : self.place + 12]) if self.next is not None else "its end"
        return UsageError(f"cannot read the chain {self.text!r} at {got}: wanted {what}")

    def take(self, sign: str) -> None:
        if self.next != sign:
            raise self.wanted(repr(sign))
        self.advance()

    def parts(self) -> tuple[Part, ...]:
        found = [self.part()]
        while self.next == "|":
            self.advance()
            found.append(self.part())
        return tuple(found)

    def part(self) -> Part:
        if self.form != "word":
            raise self.wanted("a kind of damage, such as noise")
        name = self.advance() or ""
        if name in _COMBINATIONS:
            return self.combination(name)
        if name in self.presets:
            return parse_chain(self.presets[name], self.presets)
        if name not in KINDS:
            raise UnknownNameError("kind of damage", name, [*KINDS, *_COMBINATIONS, *self.presets])
        given = self.arguments() if self.next == "(" else {}
        p = given.pop("p", 1.0)
        check_names(name, given, declared(KINDS[name]))
        return Step(KINDS[name](**given), p=_probability(p))

    def combination(self, name: str) -> Part:
        self.take("(")
        parts, p = self.parts(), 1.0
        if self.next == ",":
            self.advance()
            if self.advance() != "p":
                raise UsageError(f"{name}(...) takes its parts and p alone")
            self.take("=")
            p = _probability(self.value())
        self.take(")")
        return replace(_COMBINATIONS[name](parts), p=p)

    def arguments(self) -> dict[str, Amount | Choice]:
        self.take("(")
        given: dict[str, Amount | Choice] = {}
        while self.next != ")":
            if self.form != "word":
                raise self.wanted("a parameter's name")
            name = self.advance() or ""
            self.take("=")
            if name in given:
                raise UsageError(f"cannot read the chain {self.text!r}: {name} is given twice")
            given[name] = self.value()
            if self.next == ",":
                self.advance()
            elif self.next != ")":
                raise self.wanted("',' or ')'")
        self.advance()
        return given

    def value(self) -> Amount | Choice:
        if self.form == "number":
            low = float(self.advance() or 0)
            if self.next == "..":
                self.advance()
                if self.form != "number":
                    raise self.wanted("a number")
                return low, float(self.advance() or 0)
            names = [f"{low:g}"]
            while self.next == "/":
                self.advance()
                names.append(self.advance() or "")
            return low if len(names) == 1 else tuple(names)
        if self.form != "word":
            raise self.wanted("a number, two ends such as 5..25, or a name")
        names = [self.advance() or ""]
        while self.next == "/":
            self.advance()
            names.append(self.advance() or "")
        return tuple(names) if len(names) > 1 else names[0]


def _probability(value: object) -> float:
    if not isinstance(value, float):
        raise UsageError(f"p={value}: wanted one probability, 0..1")
    return value
