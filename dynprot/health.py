"""`GET /health`: whether this process can do its work now, for load balancers, `make demo` and people.

The database is really asked, since a process that lost its database must be taken out of rotation. The answer names
no version, host or error text: it is public.
"""

import logging
import time
from http import HTTPStatus

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

logger = logging.getLogger(__name__)


@never_cache
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """200 with the database's answering time in milliseconds, or 503 when it does not answer."""
    started = time.perf_counter()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
    except DatabaseError:
        logger.exception("health: the database does not answer")
        database: dict[str, object] = {"status": "unavailable"}
        return JsonResponse({"status": "unavailable", "database": database}, status=HTTPStatus.SERVICE_UNAVAILABLE)
    milliseconds = round((time.perf_counter() - started) * 1000, 1)
    return JsonResponse({"status": "ok", "database": {"status": "ok", "milliseconds": milliseconds}})
