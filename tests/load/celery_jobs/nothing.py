"""A task that does nothing, on Redis as broker and as the keeper of results."""

import os

from celery import Celery

REDIS = os.environ["CELERY_REDIS"]

app = Celery("nothing", broker=f"{REDIS}/0", backend=f"{REDIS}/1")


@app.task
def nothing():
    return None
