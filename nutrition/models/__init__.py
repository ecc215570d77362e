"""Tables of what people eat: meals, favourites, analyses, day summaries, the diets one can choose."""

from nutrition.models.analyses import ConfidenceLevel, InputType, MealAnalysis
from nutrition.models.favorites import FavoriteMeal
from nutrition.models.meals import DeletedEntry, EntryKind, MealEntry, MealTime, MealType, SourceType
from nutrition.models.reference import DietaryPreference
from nutrition.models.summaries import DailySummary, GoalHistorySummaries

__all__ = [
    "ConfidenceLevel",
    "DailySummary",
    "DeletedEntry",
    "DietaryPreference",
    "EntryKind",
    "FavoriteMeal",
    "GoalHistorySummaries",
    "InputType",
    "MealAnalysis",
    "MealEntry",
    "MealTime",
    "MealType",
    "SourceType",
]
