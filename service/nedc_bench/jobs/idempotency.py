"""Idempotency keys: a retry with the key of an earlier request returns that request's job."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from nedc_bench.redis import unlink

if TYPE_CHECKING:
    from nedc_bench.jobs.store import Store
    from nedc_bench.redis.client import AnyPipeline


class IdempotencyKeys:
    """The keys in Redis: each holds the id of its job and a digest of its request."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def known(self, key: str, digest: str) -> str | None:
        """The id of the job created earlier with a key, or None.

        Raises:
            KeyError: the key was used for another request.
        """
        value = await self._store.ask(lambda client: client.get(self._place(key)))
        if value is None:
            return None
        job_id, _, found = value.decode().partition(" ")
        if found != digest:
            raise KeyError(key)
        return str(job_id)

    async def claim(self, key: str, digest: str, job_id: str, *, replace: bool = False) -> bool:
        """Bind a key to the job, unless it is already bound. Returns whether it was bound."""
        place, value, life = self._place(key), f"{job_id} {digest}", self._store.open_milliseconds
        return bool(await self._store.ask(lambda client: client.set(place, value, px=life, nx=not replace)))

    def expire_with_job(self, pipeline: AnyPipeline, key: str | None) -> None:
        """Keep the key of a finished job as long as the job."""
        if key is not None:
            pipeline.pexpire(self._place(key), self._store.ended_milliseconds)

    def forget(self, pipeline: AnyPipeline, key: str | None) -> None:
        """Remove the key of a removed job."""
        if key is not None:
            unlink(pipeline, self._place(key))

    def _place(self, key: str) -> str:
        return self._store.redis.key(f"key:{sha256(key.encode()).hexdigest()}")
