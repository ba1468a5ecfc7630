"""An expression as the positions where it reads a character, and the steps between them. Pure.

The construction is Glushkov's, and every way from one position to the next is counted, so that
"two ways to read the same text" can be seen. The tree comes from the parser of the engine that
matches (`regex`), so that both understand an expression alike.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from regex import _regex_core

core: Any = _regex_core  # its types are not published

MOST_POSITIONS = 1000
LONG_REPEAT = 12  # {2,40} is read as {2,}: as many ways as count, and a tenth of the positions
_SAMPLES = "".join(map(chr, range(32, 127))) + "\t\n\x00\x7f\xa0éÉßŁж漢한٣²\u2028\u3000☃🐘"
_STARTS = (core.StartOfString, core.SearchAnchor)
_ENDS = (core.EndOfString, core.EndOfStringLine, core.EndOfStringLineU)
_REPEATS = (core.GreedyRepeat, core.LazyRepeat, core.PossessiveRepeat)
_ZERO_WIDTH = (core.ZeroWidthBase, core.GraphemeBoundary)


class TooComplex(Exception):
    """The expression uses what cannot be counted, or has too many positions."""


@dataclass(slots=True)
class Part:
    """Ways through a part without a character; its first and last positions with their ways."""

    empty: int = 1
    first: Counter[int] = field(default_factory=Counter)
    last: Counter[int] = field(default_factory=Counter)


@dataclass(slots=True)
class Paths:
    """The positions of an expression. `START` stands before the first character."""

    samples: tuple[str, ...] = ()  # the characters that stand for all
    letters: list[frozenset[str]] = field(default_factory=list)  # of each position, of the samples
    follow: list[Counter[int]] = field(default_factory=list)  # the next positions with their ways
    first: Counter[int] = field(default_factory=Counter)
    last: frozenset[int] = frozenset()
    empty: bool = False  # it matches the empty text
    anchored: bool = False  # it begins with ^
    to_the_end: bool = False  # it ends with $
    remembered: frozenset[int] = frozenset()  # greedy open repeats of one character
    conditional: bool = False  # whether a path is a match depends on more than its characters
    inner: list["Paths"] = field(default_factory=list)  # what looks ahead or behind


def paths_of(text: str, flags: int) -> Paths:
    """The positions of a valid expression. TooComplex where they cannot be counted."""
    tree, ignore_case = _parsed(text, flags)
    samples = tuple(dict.fromkeys(_SAMPLES + text + text.swapcase()))
    return _Builder(samples, ignore_case).build(tree)


def _parsed(text: str, flags: int) -> tuple[Any, bool]:
    """The parser's tree, and whether any part of it ignores the case."""
    while True:
        source = core.Source(text)
        info = core.Info(flags, source.char_type, {})
        source.ignore_space = bool(info.flags & core.VERBOSE)
        try:
            tree = core._parse_pattern(source, info)
        except core._UnscopedFlagSet:
            flags = info.global_flags
            continue
        tree.fix_groups(text, False, False)
        return tree, bool(info.flags & core.IGNORECASE) or "i" in text


class _Builder:
    """Walks through the tree once and collects positions."""

    def __init__(self, samples: tuple[str, ...], ignore_case: bool) -> None:
        self.samples = samples
        self.ignore_case = ignore_case
        self.paths = Paths(samples)
        self.groups: dict[int, Any] = {}
        self.remembered: set[int] = set()
        self.has_references = False

    def build(self, tree: Any) -> Paths:
        items, paths = _items(tree), self.paths
        while items and isinstance(items[0], _STARTS):
            paths.anchored = True
            items = items[1:]
        while items and isinstance(items[-1], _ENDS):
            paths.to_the_end = True
            items = items[:-1]
        whole = self._sequence(items)
        paths.first, paths.last, paths.empty = whole.first, frozenset(whole.last), bool(whole.empty)
        if not self.has_references:  # with them the engine must try every way
            paths.remembered = frozenset(self.remembered)
        return paths

    def part(self, node: Any) -> Part:
        """The positions of one node of the tree."""
        if isinstance(node, core.Sequence):
            return self._sequence(node.items)
        if isinstance(node, core.Branch):
            return _either([self.part(branch) for branch in node.branches])
        if isinstance(node, _REPEATS):
            return self._repeat(node)
        if isinstance(node, core.Group):
            self.groups[node.group] = node.subpattern
            return self.part(node.subpattern)
        if isinstance(node, core.String):
            return self._sequence([core.Character(code) for code in node.characters])
        if isinstance(node, _ZERO_WIDTH):
            self.paths.conditional = True
            return Part()
        return self._unusual(node)

    def _unusual(self, node: Any) -> Part:
        if isinstance(node, core.LookAround):
            self.paths.conditional = True
            self.paths.inner.append(self._inner(node))
            return Part()
        if isinstance(node, core.Atomic):
            self.paths.conditional = True
            return self.part(node.subpattern)
        if isinstance(node, core.Conditional):
            self.paths.conditional = True
            return _either([self.part(node.yes_item), self.part(node.no_item)])
        if isinstance(node, core.RefGroup):
            self.paths.conditional = self.has_references = True
            return self.part(self.groups.get(node.group) or core.Sequence())
        return self._leaf(node)

    def _inner(self, node: Any) -> Paths:
        inner = _Builder(self.samples, self.ignore_case)
        inner.groups = self.groups
        paths = inner.build(node.subpattern)
        paths.conditional |= node.behind  # it is read backwards, so no end of it is known
        paths.anchored = True  # it is tried at one place; how often, the outer paths say
        return paths

    def _sequence(self, items: Any) -> Part:
        whole = Part()
        for item in items:
            whole = self._joined(whole, self.part(item))
        return whole

    def _joined(self, before: Part, after: Part) -> Part:
        self._link(before.last, after.first)
        return Part(
            min(before.empty * after.empty, 2),
            _sum(before.first, after.first, before.empty),
            _sum(after.last, before.last, after.empty),
        )

    def _link(self, sources: Counter[int], targets: Counter[int]) -> None:
        for source, ways in sources.items():
            for target, more in targets.items():
                self.paths.follow[source][target] += ways * more

    def _repeat(self, node: Any) -> Part:
        """Copies for what must be there, then optional copies or one with a way back to itself."""
        least, most = node.min_count, node.max_count
        if most is None or most - least > LONG_REPEAT:
            return self._open(node, least)
        whole = self._sequence([node.subpattern] * least)
        rest = Part()
        for _copy in range(most - least):  # from the inside: (x(x(x)?)?)?
            rest = self._optional_before(node.subpattern, rest)
        return self._joined(whole, rest)

    def _optional_before(self, subpattern: Any, rest: Part) -> Part:
        once = self._joined(self.part(subpattern), rest)
        return Part(min(once.empty + 1, 2), once.first, once.last)

    def _open(self, node: Any, least: int) -> Part:
        whole = self._sequence([node.subpattern] * max(least - 1, 0))
        begin = len(self.paths.follow)
        part = self.part(node.subpattern)
        self._link(part.last, part.first)
        one = len(self.paths.follow) - begin == 1
        if one and not isinstance(node, core.LazyRepeat):
            self.remembered.add(begin)
        if not least:
            part = Part(min(part.empty + 1, 2), part.first, part.last)
        return self._joined(whole, part)

    def _leaf(self, node: Any) -> Part:
        if len(self.paths.letters) >= MOST_POSITIONS:
            raise TooComplex
        position = len(self.paths.letters)
        self.paths.letters.append(frozenset(c for c in self.samples if self._reads(node, c)))
        self.paths.follow.append(Counter())
        return Part(0, Counter([position]), Counter([position]))

    def _reads(self, node: Any, character: str) -> bool:
        if isinstance(node, core.Any):
            return character != "\n" or isinstance(node, core.AnyAll)
        if isinstance(node, core.Grapheme):
            return True
        if not hasattr(node, "matches"):
            raise TooComplex
        forms = {character}
        if self.ignore_case:
            forms |= {character.lower(), character.upper(), character.casefold()}
        return any(node.matches(ord(form)) for form in forms if len(form) == 1)


def _items(tree: Any) -> list[Any]:
    return list(tree.items) if isinstance(tree, core.Sequence) else [tree]


def _either(parts: list[Part]) -> Part:
    whole = Part(0)
    for part in parts:
        whole.empty = min(whole.empty + part.empty, 2)
        whole.first += part.first
        whole.last += part.last
    return whole


def _sum(one: Counter[int], other: Counter[int], times: int) -> Counter[int]:
    """`one`, and `other` in as many ways as lead past what is between."""
    return one + Counter({place: ways * times for place, ways in other.items() if times})
