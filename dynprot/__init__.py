"""DynProt: what people eat, kept in PostgreSQL, on the way there from their browsers.

This package is the project itself: settings, URLs, the Celery app, the private PostgreSQL. It is kept empty of
imports so that `python -m dynprot.embedded` answers at once; `dynprot.apps` loads the Celery app with Django.
"""
