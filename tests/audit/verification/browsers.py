"""What the browsers of the hand-made world hold."""

from __future__ import annotations

import json
from typing import Any

ALICE_LEGACY, BOB_LEGACY, CHLOE_LEGACY = "alice1", "bob9", "chloe5"
STATE = f"dynprot-app-state-{ALICE_LEGACY}"
MEALS = f"dynprot-meals-{ALICE_LEGACY}"
BOB_STATE = f"dynprot-app-state-{BOB_LEGACY}"
CHLOE_STATE = f"dynprot-app-state-{CHLOE_LEGACY}"

CHICKEN = {
    "id": "1767261600000",
    "timestamp": "2026-01-01T10:00:00.000Z",
    "description": "Poulet rôti",
    "protein": 30.5,
    "calories": 450,
    "carbs": 10,
    "fat": 12.25,
    "fiber": 2,
    "source": "manual",
    "aiEstimated": False,
    "tags": ["midi", "à table"],
    "imageUrl": "https://images.example.fr/1.jpg",
}
POORER = {key: CHICKEN[key] for key in ("id", "timestamp", "description", "protein")}
EDITED = {**CHICKEN, "protein": 31.5}
YOGHURT = {
    "id": "1767306600000",
    "timestamp": "2026-01-01T22:30:00.000Z",
    "description": "Yaourt",
    "protein": "12,5 g",
    "calories": None,
    "source": "camera",
}
NO_PROTEIN = {"id": "3", "timestamp": "2026-01-02T10:00:00.000Z", "description": "Café"}
FAVORITE: dict[str, Any] = {
    "id": "1760000000000",
    "name": "Poulet rôti",
    "description": "Poulet rôti",
    "protein": 30,
    "calories": 450,
    "tags": [],
    "createdAt": "2025-12-01T10:00:00.000Z",
    "lastUsed": "2026-01-01T10:00:00.000Z",
    "useCount": 4,
}
SETTINGS = {
    "proteinGoal": 130,
    "calorieGoal": 2000,
    "weightKg": 72.5,
    "heightCm": 175,
    "age": 300,
    "fitnessGoal": "strength",
}
PROFILE = {
    "name": "Alice Petit",
    "dailyProteinGoal": 120,
    "weightKg": 70,
    "activityLevel": "light",
    "dietPreferences": ["Keto"],
}
PREFERENCES = {
    "darkMode": True,
    "notifications": True,
    "privacySettings": {"shareData": False, "allowAnalytics": False},
}
LATER_SETTINGS = {"proteinGoal": 140, "calorieGoal": 2200}


LENTILS: dict[str, Any] = {
    "id": "1767355200000",
    "timestamp": "2026-01-02T12:00:00.000Z",
    "description": "Lentilles",
    "protein": 18,
    "calories": 320,
    "tags": ["midi"],
    "source": "text",
    "aiEstimated": True,
}
FIGS: dict[str, Any] = {
    **LENTILS,
    "id": "1767366000000",
    "timestamp": "2026-01-02T15:00:00.000Z",
    "description": "Figues",
}
SOUP: dict[str, Any] = {
    **LENTILS,
    "id": "1767380400000",
    "timestamp": "2026-01-02T19:00:00.000Z",
    "description": "Soupe ",
    "protein": 5,
}


def capture(legacy_id: str, zone: str, captured_at: str, storage: dict[str, Any]) -> dict[str, Any]:
    """One browser; values of `storage` become the texts that localStorage holds, as JSON.stringify writes them."""
    return {
        "user": {"email": f"{legacy_id}@example.fr", "username": legacy_id, "legacy_id": legacy_id},
        "captured_at": captured_at,
        "timezone": zone,
        "local_storage": {
            key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
            for key, value in storage.items()
        },
    }
