"""The tasks of a connection: Hypercorn's, but messages to an app that has finished are dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import MethodType
from typing import Any, cast

from hypercorn.asyncio.task_group import TaskGroup
from hypercorn.config import Config
from hypercorn.typing import AppWrapper


class Tasks(TaskGroup):
    """Runs apps. Hypercorn would wait until one that has finished reads its messages, and not end the connection."""

    async def spawn_app(
        self, app: AppWrapper, config: Config, scope: Any, send: Callable[[Any], Awaitable[None]]
    ) -> Callable[[Any], Awaitable[None]]:
        """Start the app. Returns a function that hands it a message."""
        finished = False

        async def sent(message: Any) -> None:
            nonlocal finished
            if message is None:
                finished = True
                while not waiting.empty():
                    waiting.get_nowait()
            await send(message)

        put = cast(MethodType, await super().spawn_app(app, config, scope, sent))
        waiting = cast("asyncio.Queue[Any]", put.__self__)

        async def received(message: Any) -> None:
            if not finished:
                await put(message)
            elif not waiting.full():  # what the app left running may wait for the client to leave
                waiting.put_nowait(message)

        return received
