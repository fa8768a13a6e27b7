"""Running coroutines together, so that the first failure ends the others and is raised as itself."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any


async def together(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run all `works` to their end; when one fails, cancel the others and raise its error, without a group."""
    async with as_one() as group:
        for work in works:
            group.create_task(work)


@asynccontextmanager
async def as_one() -> AsyncIterator[asyncio.TaskGroup]:
    """Run the tasks of a group to their end as `together` does; they may begin others in it."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as failures:
        failure = _first(failures)
    else:
        return
    raise failure  # out here, where the group does not become its context: that goes round in a circle


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    failure: BaseException = failures
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure
