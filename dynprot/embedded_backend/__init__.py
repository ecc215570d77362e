"""Django's PostgreSQL backend over the private server of `dynprot.embedded`, which it starts on the first connection.

Commands that need no database (help, collectstatic, makemigrations --check on a fresh clone) therefore start none.
"""
