"""Every oddity of a meal by its name in the census, in the order in which they are dealt."""

from __future__ import annotations

from collections.abc import Mapping

from audit.samples import number_oddities, shape_oddities, text_oddities, time_oddities
from audit.samples.oddities import Oddity

MEAL_ODDITIES: Mapping[str, Oddity] = {
    f"meal.{name}": oddity
    for module in (number_oddities, time_oddities, text_oddities, shape_oddities)
    for name, oddity in module.TABLE.items()
}
