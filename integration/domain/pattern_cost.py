"""How many steps an expression may need for one group name, counted instead of measured. Pure.

An engine that goes back tries every way to read a name before it says "no match". Names that make
this long repeat a word that the expression can read in several ways. Such words are read from the
expression itself (`_words`), a name as long as Moodle allows is made of each, and the ways through
it are counted, without walking them. The same expression so has the same verdict everywhere.
"""

from collections import Counter, deque
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise, product

from integration.domain.pattern_paths import Paths, TooComplex, paths_of

NAME_LENGTH = 254  # the longest name Moodle's mdl_groups holds
MOST_STEPS = 10_000_000  # a tenth of a second on a machine of 2024
MOST_PAIRS = 60_000  # of positions that are compared for reading the same
MOST_WORDS = 120


@lru_cache(maxsize=512)
def worst_name(text: str, flags: int) -> str | None:
    """A name for which more than MOST_STEPS may be needed; None where there is none.

    TooComplex where the steps cannot be counted.
    """
    return _worst(paths_of(text, flags), 1)


def _worst(paths: Paths, times: int) -> str | None:
    """`times`: how often the expression is tried, for one that looks ahead or behind."""
    if paths.inner:
        times *= NAME_LENGTH
    for inner in paths.inner:
        if name := _worst(inner, times):
            return name
    most, loops = MOST_STEPS // times, _loops(paths)
    if not loops and _few_ways(paths, most // NAME_LENGTH):
        return None
    return next((n for n in _names(paths, loops) if _steps(paths, loops, n, most) > most), None)


def _few_ways(paths: Paths, most: int) -> bool:
    """Whether there are at most so many ways through an expression without open repeats."""
    ways = Counter(paths.first)
    for position, after in enumerate(paths.follow):  # each leads to later positions only
        for target, more in after.items():
            ways[target] += ways[position] * more
    return sum(ways.values()) <= most


def _names(paths: Paths, loops: dict[int, int]) -> Iterator[str]:
    """The words repeated up to the length of a name, and with an end that hardly anything reads."""
    rare = Counter(dict.fromkeys(paths.samples, 0))
    for letters in paths.letters:
        rare.update(letters)
    end = 2 * min(sorted(rare), key=lambda letter: rare[letter], default="!")
    for word in _words(paths, loops):
        name = word * NAME_LENGTH
        yield name[:NAME_LENGTH]
        yield name[: NAME_LENGTH - len(end)] + end


def _steps(paths: Paths, loops: dict[int, int], name: str, limit: int) -> int:
    """Ways through the positions that end without a match: all may be tried before the one that
    matches. Stops above `limit`.
    """
    alive = _alive(paths, name)
    once = _tried_once(paths, loops)
    active: Counter[int] = Counter()
    total = 0
    for place, character in enumerate(name):
        starts = paths.first if not place or not paths.anchored else {}
        active = _read(paths, active, starts, character)
        for position in active.keys() & once:
            active[position] = min(active[position], NAME_LENGTH)
        total += 1 + sum(ways for at, ways in active.items() if at not in alive[place])
        if total > limit:
            break
    return total


def _tried_once(paths: Paths, loops: dict[int, int]) -> set[int]:
    """Repeats of one character that stand in no other repeat: where one led to no match, the engine
    does not try it again at the same place, in one search. NAME_LENGTH searches begin.
    """
    sizes = Counter(loops.values())
    return {p for p in paths.remembered if sizes[loops[p]] == 1 and paths.follow[p][p] == 1}


def _read(
    paths: Paths, active: Counter[int], starts: dict[int, int] | Counter[int], character: str
) -> Counter[int]:
    """The ways to each position after one more character."""
    after: Counter[int] = Counter()
    for target, ways in starts.items():
        if character in paths.letters[target]:
            after[target] += ways
    for source, ways in active.items():
        for target, more in paths.follow[source].items():
            if character in paths.letters[target]:
                after[target] += ways * more
    return after


def _alive(paths: Paths, name: str) -> list[frozenset[int]]:
    """For every place of the name the positions from which the rest of it leads to a match."""
    nowhere: frozenset[int] = frozenset()
    if paths.conditional:  # what looks like a match may be none
        return [nowhere] * len(name)
    ends = nowhere if paths.to_the_end else paths.last
    result, later = [], paths.last
    for character in reversed(name):
        result.append(later)
        reading = frozenset(p for p in later if character in paths.letters[p])
        later = ends | {p for p, after in enumerate(paths.follow) if not reading.isdisjoint(after)}
    return result[::-1]


# ── Words that are worth a try ───────────────────────────────────────────────────────────────────


def _words(paths: Paths, loops: dict[int, int]) -> list[str]:
    """Words that may be read in several ways when they are repeated, each once."""
    found = dict.fromkeys(_candidates(paths, loops))
    return [word for word in found if word][:MOST_WORDS]


def _candidates(paths: Paths, loops: dict[int, int]) -> Iterator[str]:
    best = _best_letters(paths, loops)
    yield from dict.fromkeys(best)
    yield from _double_words(paths, loops)
    places = sorted(loops)
    yield from (_word(paths, best, [one], {one}) for one in places)
    yield _word(paths, best, list(paths.first), set(paths.last), whole=True)
    pairs = [(one, other) for one, other in pairwise(places) if loops[one] != loops[other]]
    yield from (_word(paths, best, [one], {other}) for one, other in pairs)


def _best_letters(paths: Paths, loops: dict[int, int]) -> list[str]:
    """For each position the letter that most repeated positions read too."""
    counts = Counter(letter for position in loops for letter in paths.letters[position])
    return [
        max(sorted(letters), key=lambda letter: counts[letter], default="")
        for letters in paths.letters
    ]


def _word(
    paths: Paths, best: list[str], sources: list[int], targets: set[int], whole: bool = False
) -> str:
    """What is read on the shortest way from one position to another (with `whole`: from the very
    beginning), "" where there is none.
    """
    known: dict[int, str] = {one: best[one] if whole else "" for one in sources}
    if whole and (done := targets & known.keys()):
        return known[min(done)]
    waiting = deque(known)
    while waiting:
        position = waiting.popleft()
        for target in paths.follow[position]:
            word = known[position] + best[target]
            if target in targets:
                return word
            if target not in known:
                known[target] = word
                waiting.append(target)
    return ""


def _double_words(paths: Paths, loops: dict[int, int]) -> Iterator[str]:
    """Words that lead from a position back to it in two ways: repeated, the ways double."""
    left = MOST_PAIRS
    for start in sorted(loops):
        word, looked_at = _double_word(paths, loops, start, left)
        left -= looked_at
        if word:
            yield word


def _double_word(paths: Paths, loops: dict[int, int], start: int, most: int) -> tuple[str, int]:
    """The shortest such word of one position, and how many pairs were looked at.

    Two readers walk through the loop on the same letters, until both are back and have parted in
    between. TooComplex above `most` pairs.
    """
    begin = (start, start, False)
    known = {begin: ""}
    waiting = deque([begin])
    while waiting:
        if len(known) > most:
            raise TooComplex
        here = waiting.popleft()
        for there, letter in _steps_of_two(paths, loops, here):
            if there not in known:
                known[there] = known[here] + letter
                waiting.append(there)
        if (start, start, True) in known:
            return known[start, start, True], len(known)
    return "", len(known)


def _steps_of_two(
    paths: Paths, loops: dict[int, int], here: tuple[int, int, bool]
) -> Iterator[tuple[tuple[int, int, bool], str]]:
    """Where two readers in one loop may be after one more letter, and that letter."""
    first, second, parted = here
    for one, other in product(paths.follow[first], paths.follow[second]):
        if not loops.get(one) == loops.get(other) == loops[first]:
            continue
        if shared := paths.letters[one] & paths.letters[other]:
            twice = first == second and one == other and paths.follow[first][one] > 1
            yield (one, other, parted or one != other or twice), min(shared)


def _loops(paths: Paths) -> dict[int, int]:
    """The positions that can be read again, each with the first position of its loop."""
    reach = [_reachable(paths, position) for position in range(len(paths.follow))]
    return {
        here: min(there for there in reach[here] if here in reach[there])
        for here in range(len(reach))
        if here in reach[here]
    }


def _reachable(paths: Paths, position: int) -> set[int]:
    found: set[int] = set()
    waiting = [position]
    while waiting:
        new = paths.follow[waiting.pop()].keys() - found
        found |= new
        waiting += new
    return found
