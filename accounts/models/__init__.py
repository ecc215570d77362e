"""Tables of people: users, user_profiles, goal_history, password_reset_tokens."""

from accounts.models.goals import GoalHistory, GoalSource
from accounts.models.profile import ActivityLevel, FitnessGoal, Gender, PreferredUnits, UserProfile
from accounts.models.tokens import PasswordResetToken
from accounts.models.user import User

__all__ = [
    "ActivityLevel",
    "FitnessGoal",
    "Gender",
    "GoalHistory",
    "GoalSource",
    "PasswordResetToken",
    "PreferredUnits",
    "User",
    "UserProfile",
]
