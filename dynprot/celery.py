"""The Celery app. A message is only a hint that there may be work: PostgreSQL alone holds the truth.

Without REDIS_URL there is no broker and nothing is queued: the same services run in this process or in local worker
processes (`settings.BROKER_AVAILABLE` tells which). A pretend broker would lose tasks when a worker is killed.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dynprot.settings.production")

app = Celery("dynprot")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
