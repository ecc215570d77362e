"""Log lines without people in them.

Our own messages name nobody. What is left are the texts of exceptions: PostgreSQL quotes the offending row in DETAIL
and CONTEXT, and an e-mail address may be part of any message. Both are taken out before a line is written.
"""

import logging
import re

EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
POSTGRES_QUOTES = re.compile(r"^(\s*(?:DETAIL|CONTEXT|STATEMENT|QUERY|LINE \d+)): .*$", re.MULTILINE)


class ReticentFormatter(logging.Formatter):
    """Formats as usual, then replaces e-mail addresses and PostgreSQL's quotations of rows."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return POSTGRES_QUOTES.sub(r"\1: [not logged]", EMAIL.sub("[e-mail]", text))
