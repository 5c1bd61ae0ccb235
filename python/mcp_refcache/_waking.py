"""What the core calls on an event loop whose tasks can go on."""

from asyncio import Future


def wake_all(futures: "list[Future[None]]") -> None:
    """Complete futures that are still awaited; those of cancelled tasks are done already."""
    for future in futures:
        if not future.done():
            future.set_result(None)
