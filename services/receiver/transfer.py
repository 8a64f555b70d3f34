"""A message on its way from the client: whole behind DATA, or in parts behind BDAT (RFC 3030)."""

from __future__ import annotations

from services.receiver.arguments import Chunk
from services.receiver.connection import Connection
from services.receiver.incoming import CommandLines, MessageData
from services.receiver.replies import Reply, chunk_taken
from services.receiver.rules import Timeouts
from services.receiver.spool import Reception


class Transfer:
    """One message. All of it is read, whatever becomes of it, and stored as it comes."""

    def __init__(self, reception: Reception, connection: Connection, timeouts: Timeouts) -> None:
        self._reception = reception
        self._connection = connection
        self._read_timeout = timeouts.read
        self.due = connection.now() + timeouts.data_termination
        """When the whole message has to be here."""

    @property
    def size(self) -> int:
        """Bytes that have come."""
        return self._reception.size

    async def whole(self, lines: CommandLines) -> Reply:
        """Read to the end of the data; the reply to the message."""
        message = MessageData()
        await self._reception.write(message.take(lines.rest()))
        while not message.ended:
            await self._reception.write(message.take(await self._more()))
        lines.add(message.rest)
        return await self._reception.finish()

    async def part(self, chunk: Chunk, lines: CommandLines) -> tuple[Reply, bool]:
        """Read one part; the reply to it, and whether that ends the message."""
        left = chunk.size
        while left:
            piece = lines.rest() or await self._more()
            await self._reception.write(piece[:left])
            lines.add(piece[left:])
            left -= min(left, len(piece))
        if chunk.last:
            return await self._reception.finish(), True
        if self._reception.refusal is not None:
            return self._reception.refusal, True
        return chunk_taken(chunk.size), False

    async def abandon(self) -> None:
        """Throw away what was not accepted."""
        await self._reception.abandon()

    async def _more(self) -> bytes:
        return await self._connection.receive(min(self.due, self._connection.now() + self._read_timeout))


async def pass_over(size: int, lines: CommandLines, connection: Connection, due: float) -> None:
    """Read so many bytes that belong to no message."""
    while size:
        piece = lines.rest() or await connection.receive(due)
        lines.add(piece[size:])
        size -= min(size, len(piece))
