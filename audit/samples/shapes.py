"""The other records of the old app, in its own shapes: AppState, UserProfile, settings, preferences, auth."""

from __future__ import annotations

import json
import re
from typing import Any

from audit.samples.chance import happens, letters, pick
from audit.samples.clock import DAY, iso
from audit.samples.people import Person

Json = dict[str, Any]

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def stringify(value: object) -> str:
    """`JSON.stringify`: compact, letters as they are, lone surrogates escaped."""
    text = _encode(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = _LONE_SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text)
    return text


def user_profile(person: Person) -> Json:
    """UserProfile. Who typed nothing keeps the initial state's 'user-1' and 'User'."""
    body = person.body
    return {
        "id": person.legacy_id if person.answered else "user-1",
        "name": person.name if person.answered else "User",
        "dailyProteinGoal": body.protein_goal,
        "weightKg": body.weight,
        "heightCm": body.height,
        "preferredUnits": body.units,
        "activityLevel": body.activity,
        "dietPreferences": list(body.diets),
        "calorieGoal": body.calorie_goal,
    }


def user_settings(person: Person) -> Json:
    body = person.body
    return {
        "proteinGoal": body.protein_goal,
        "calorieGoal": body.calorie_goal,
        "weightKg": body.weight,
        "heightCm": body.height,
        "activityLevel": body.activity,
        "preferredUnits": body.units,
        "age": body.age,
        "gender": body.gender,
        "fitnessGoal": body.fitness_goal,
        "bodyFatPercentage": body.body_fat,
        "trainingDays": body.training_days,
    }


def accessibility(person: Person) -> Json:
    rng = person.chance("accessibility")
    return {
        "reducedMotion": happens(rng, 6),
        "highContrast": happens(rng, 5),
        "largeText": happens(rng, 10),
    }


def preferences(person: Person) -> Json:
    rng = person.chance("preferences")
    return {
        "darkMode": happens(rng, 35),
        "notifications": happens(rng, 80),
        "privacySettings": {"shareData": happens(rng, 12), "allowAnalytics": happens(rng, 70)},
        "accessibility": accessibility(person),
    }


def app_state(person: Person, meals: list[Any], favorites: list[Any], captured: int) -> Json:
    """The whole AppState, with the parts that nobody wants (camera, navigation) as well."""
    rng = person.chance("state")
    state: Json = {
        "meals": meals,
        "favoriteMeals": favorites,
        "user": user_profile(person),
        "camera": {
            "isAvailable": happens(rng, 80),
            "isActive": False,
            "hasPermission": None,
            "currentDevice": None,
            "availableDevices": [],
        },
        "ai": {
            "isAvailable": True,
            "usageToday": 0,
            "usageLimit": 50,
            "features": {"proteinEstimation": True, "mealRecommendation": True, "nutritionAnalysis": True},
        },
        "navigation": {"currentRoute": "/", "previousRoute": None, "history": ["/"]},
        "preferences": preferences(person),
        "isLoading": False,
        "error": None,
    }
    if happens(rng, 60):  # the late fields
        seen = iso(captured - int(rng.random() * 9 * DAY))
        state |= {"analysisResult": None, "lastAnalyticsViewed": seen if happens(rng, 50) else None}
    return state | {"userSettings": user_settings(person)}


def token(person: Person, purpose: str) -> str:
    """Looks like a JWT and opens nothing."""
    rng = person.chance(f"token {purpose}")
    return f"eyJhbGciOiJIUzI1NiJ9.{letters(rng, 64)}.{letters(rng, 43)}"


def auth_record(person: Person, captured: int) -> Json:
    """AuthState as kept under `P-auth`; `user.id` is what the other keys are suffixed with."""
    rng = person.chance("auth")
    user: Json = {
        "id": person.legacy_id,
        "email": person.email,
        "name": person.name,
        "createdAt": iso(captured - int((200 + rng.random() * 500) * DAY)),
        "emailVerified": happens(rng, 85),
        "hasCompletedOnboarding": person.answered,
    }
    if happens(rng, 40):
        user["last_analytics_viewed"] = pick(rng, (None, iso(captured - int(rng.random() * 30 * DAY))))
    return {"user": user, "isAuthenticated": True, "isLoading": False, "error": None, "token": token(person, "auth")}
