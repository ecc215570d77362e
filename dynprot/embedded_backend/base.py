"""The database wrapper. Django asks it for connection parameters before every connection, pooled or not."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import OperationalError
from django.db.backends.postgresql import base, client

from dynprot import embedded
from dynprot.embedded_home import EmbeddedError, find_binaries


class DatabaseClient(client.DatabaseClient):
    """`manage.py dbshell` with the server's own psql, where the machine has none."""

    def runshell(self, parameters: Iterable[str]) -> None:
        """Start the server first, so that its address is known."""
        self.connection.get_connection_params()
        os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", os.defpath), str(find_binaries())])
        super().runshell(parameters)


class DatabaseWrapper(base.DatabaseWrapper):
    """PostgreSQL on the private server's socket; a server that was killed meanwhile is started again."""

    client_class = DatabaseClient

    def get_connection_params(self) -> dict[str, Any]:
        """Raises OperationalError, as for any database that is away, with the reason as its cause."""
        try:
            server = embedded.ensure_running(Path(settings.VAR_DIR))
        except EmbeddedError as error:
            raise OperationalError(str(error)) from error
        self.settings_dict["HOST"] = str(server.socket_dir)
        return super().get_connection_params()
