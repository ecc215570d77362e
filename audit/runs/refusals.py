"""Why something was not done, in a sentence that can be said in other languages too."""

from __future__ import annotations


class Refusal(Exception):
    """`template` is the English sentence with places for `facts`; catalogues have it as their message. `str()` says it in English."""

    def __init__(self, template: str, **facts: object) -> None:
        self.template = template
        self.facts = facts
        super().__init__(template.format(**facts) if facts else template)


class Refused(Refusal):
    """Not now, or not like this. Nothing was changed."""


class IllegalTransition(Refusal):
    """The run is not in a status from which this is possible; nothing was changed."""
