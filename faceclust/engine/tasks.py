"""What the engine asks of whoever runs its pieces of work; and the simplest that does: a loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Piece = TypeVar("Piece")
Result = TypeVar("Result")


class Shared(Protocol[T_co]):
    """Something large that many pieces of work read; picklable, small, opened where it is read."""

    def get(self) -> T_co:
        """The thing itself; its arrays are read-only."""
        ...


class Runner(Protocol):
    """Runs pieces of work, wherever."""

    def share(self, value: T) -> Shared[T]:
        """Put something where every piece of work can read it."""
        ...

    def each(self, work: Callable[[Piece], Result], pieces: Iterable[Piece]) -> Iterator[Result]:
        """`work(piece)` of each piece, in their order; pieces are drawn as they are needed."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Here(Generic[T]):
    """Something shared with oneself."""

    value: T

    def get(self) -> T:
        """The thing itself."""
        return self.value


class Loop:
    """One piece after the other, in this process."""

    def share(self, value: T) -> Here[T]:
        """Nothing has to go anywhere."""
        return Here(value)

    def each(self, work: Callable[[Any], Result], pieces: Iterable[Any]) -> Iterator[Result]:
        """`work(piece)` of each piece."""
        return map(work, pieces)
