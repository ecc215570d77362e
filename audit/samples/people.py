"""Made-up people: names, accounts, zones, bodies and goals. All addresses are at example domains."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from random import Random

from audit.samples.chance import below, between, happens, hex_digits, letters, pick, random_for

_FIRST_NAMES = """
Camille Léa Manon Chloé Inès Jade Louise Alice Zoé Anaïs Élodie Aurélie Céline Sophie Nathalie Françoise
Maëlys Noémie Fatima Aïcha Thi-Lan Maïwenn Marie-Ange Anne-Sophie Solène Hélène Lucas Hugo Louis Gabriel Léo
Raphaël Jules Adrien Théo Maxime Benoît François Jérôme Stéphane Loïc Gaël Mehdi Karim Moussa Yanis
Jean-Baptiste Pierre-Yves Tanguy Erwan Étienne Noël Éloïse Clémence Teva Kévin Mickaël
"""
_LAST_NAMES = """
Martin Bernard Thomas Petit Robert Richard Durand Dubois Moreau Laurent Simon Michel Lefèvre Leroy Roux
David Bertrand Morel Fournier Girard Bonnet Dupont Lambert Fontaine Rousseau Vincent Müller Faure André
Mercier Guérin Boyer Garnier Chevalier François Legrand Gauthier Perrin Robin Clément Morin Nguyen Benali
Haddad Diallo Traoré Kéita Hoarau Payet Grondin Césaire Wamytan Le~Goff Le~Gall De~La~Tour D’Almeida
L’Hostis Saint-Aubin Castagné Cœur Crépin Peyré
"""
FIRST_NAMES = tuple(_FIRST_NAMES.split())
LAST_NAMES = tuple(name.replace("~", " ") for name in _LAST_NAMES.split())
DOMAINS = ("example.fr", "example.fr", "exemple.org")

# How many people in a hundred live in each zone; both sides of UTC, half hours, and both hemispheres' DST.
ZONES = (
    *("Europe/Paris",) * 86,
    *("Indian/Reunion",) * 4,
    *("America/Martinique",) * 3,
    *("Pacific/Noumea",) * 3,
    *("Pacific/Auckland",) * 2,
    "Pacific/Honolulu",
    "America/St_Johns",
)
_USER_AGENTS = """
Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Mobile/15E148 Safari/604.1
Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Mobile Safari/537.36
Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Safari/537.36
Mozilla/5.0 (X11; Linux x86_64; rv:139.0) Gecko/20100101 Firefox/139.0
Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Safari/605.1.15
"""
USER_AGENTS = tuple(_USER_AGENTS.strip().splitlines())
ACTIVITIES = ("sedentary", "light", "moderate", "very_active", "extremely_active")
FITNESS_GOALS = ("weight_loss", "muscle_gain", "maintenance", "general_health", "endurance", "strength")
DIETS = (
    "Végétarien",
    "Végétalien",
    "Keto",
    "Paléo",
    "Méditerranéen",
    "Sans gluten",
    "Sans produits laitiers",
    "Faible en glucides",
    "Riche en protéines",
)


@dataclass(frozen=True, slots=True)
class Body:
    """What a person told the app about themselves; kg, cm, g a day, kcal a day."""

    weight: float
    height: int
    age: int
    gender: str
    activity: str
    fitness_goal: str
    protein_goal: int
    calorie_goal: int
    body_fat: int
    training_days: int
    units: str
    diets: tuple[str, ...]


# What the old app holds for somebody who typed nothing: not answers, though they look like them.
UNTOUCHED = Body(75, 175, 30, "other", "moderate", "general_health", 120, 2000, 20, 3, "metric", ())


@dataclass(frozen=True, slots=True)
class Person:
    """One account of the old app and the browser its owner mostly uses."""

    seed: int
    index: int
    legacy_id: str
    email: str
    username: str
    name: str
    zone: str
    user_agent: str
    body: Body

    @property
    def answered(self) -> bool:
        return self.body is not UNTOUCHED

    def chance(self, purpose: str) -> Random:
        """Draws of this person for one purpose; other people and other purposes do not shift them."""
        return random_for(self.seed, "person", self.index, purpose)


def plain_letters(name: str) -> str:
    """`Éloïse L’Hostis` -> `eloise.lhostis`: the part of an address before the @."""
    bare = unicodedata.normalize("NFD", name.lower().replace("œ", "oe"))
    return "".join(
        letter for letter in bare.replace(" ", ".") if letter.isascii() and (letter.isalnum() or letter in ".-")
    )


def legacy_id(rng: Random) -> str:
    """A Prisma cuid (25 characters) for most, a UUID for accounts of the newer build."""
    if happens(rng, 70):
        return "c" + "lx" + letters(rng, 22)
    digits = hex_digits(rng, 32)
    variant = "89ab"[below(rng, 4)]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def draw_body(rng: Random) -> Body:
    if happens(rng, 30):
        return UNTOUCHED
    gender = pick(rng, ("female", "female", "male", "male", "other", ""))
    height = between(rng, 162, 196) if gender == "male" else between(rng, 150, 182)
    weight = between(rng, 2 * (height - 112), 2 * (height - 78)) / 2
    goal = pick(rng, FITNESS_GOALS)
    protein_goal = 5 * round(weight * (1.9 if goal in ("muscle_gain", "strength") else 1.4) / 5)
    diets: tuple[str, ...] = (pick(rng, DIETS),) if happens(rng, 40) else ()
    if diets and happens(rng, 30):
        diets = (*diets, pick(rng, [diet for diet in DIETS if diet not in diets]))
    return Body(
        weight=int(weight) if weight.is_integer() else weight,
        height=height,
        age=between(rng, 18, 74),
        gender=gender,
        activity=pick(rng, ACTIVITIES),
        fitness_goal=goal,
        protein_goal=protein_goal,
        calorie_goal=50 * between(rng, 30, 62),
        body_fat=between(rng, 9, 36),
        training_days=below(rng, 7),
        units="imperial" if happens(rng, 3) else "metric",
        diets=diets,
    )


def person_at(seed: int, index: int) -> Person:
    """The person with that number in the seed's endless list; needs no other person to be drawn first."""
    rng = random_for(seed, "person", index)
    first, last = pick(rng, FIRST_NAMES), pick(rng, LAST_NAMES)
    address = plain_letters(f"{first} {last}")
    return Person(
        seed=seed,
        index=index,
        legacy_id=legacy_id(rng),
        email=f"{address}.{index}@{pick(rng, DOMAINS)}",
        username=f"{plain_letters(first)}{index}",
        name=f"{first} {last}",
        zone=pick(rng, ZONES),
        user_agent=pick(rng, USER_AGENTS),
        body=draw_body(rng),
    )
