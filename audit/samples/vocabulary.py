"""What French people eat: foods and dishes with plausible nutrition.

One line a food: name | usual portion in g | protein, carbohydrates, fat, fibre in g per 100 g | tags.
Energy follows from these (4, 4, 9 and 2 kcal a gram). Apostrophes are the typographic ones, since the old
app's form took the straight ones out.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Food:
    """A food or a whole dish; nutrients in g per 100 g."""

    name: str
    portion: int
    protein: float
    carbs: float
    fat: float
    fiber: float
    tags: tuple[str, ...]

    @property
    def counted(self) -> bool:
        """Written with a count ('2 œufs au plat'), so that grams are not written as well."""
        return self.name[0].isdigit()


def _foods(table: str) -> tuple[Food, ...]:
    foods = []
    for line in table.strip().splitlines():
        name, portion, nutrients, tags = (cell.strip() for cell in line.split("|"))
        protein, carbs, fat, fiber = (float(number) for number in nutrients.split())
        foods.append(Food(name, int(portion), protein, carbs, fat, fiber, tuple(tags.split())))
    return tuple(foods)


MAINS = _foods("""
Poulet rôti               | 150 | 27 0 7 0      | volaille
Blanc de poulet grillé    | 160 | 30 0 3 0      | volaille sport
Cuisse de poulet          | 180 | 24 0 10 0     | volaille
Escalope de dinde         | 140 | 29 0 2 0      | volaille
Magret de canard          | 150 | 24 0 15 0     | volaille
Confit de canard          | 160 | 25 0 20 0     | volaille
Steak haché 5 %           | 125 | 21 0 5 0      | bœuf
Steak haché 15 %          | 125 | 19 0 15 0     | bœuf
Entrecôte grillée         | 180 | 25 0 16 0     | bœuf restaurant
Bavette à l’échalote      | 160 | 26 1 9 0.2    | bœuf
Rôti de bœuf              | 140 | 28 0 6 0      | bœuf
Rôti de porc              | 150 | 27 0 9 0      | porc
Côte de porc              | 160 | 25 0 12 0     | porc
Filet mignon de porc      | 150 | 26 1 6 0      | porc
Saucisse de Toulouse      | 140 | 17 1 24 0     | porc
Andouillette              | 150 | 19 1 20 0     | porc restaurant
Côtelettes d’agneau       | 150 | 24 0 17 0     | agneau
Gigot d’agneau            | 150 | 27 0 10 0     | agneau dimanche
Escalope de veau à la crème | 170 | 22 2 10 0   | veau
Foie de veau              | 130 | 24 4 5 0      | veau
Lapin à la moutarde       | 180 | 22 2 9 0.3    |
Pavé de saumon            | 140 | 22 0 13 0     | poisson oméga3
Saumon fumé               | 80  | 23 0 10 0     | poisson froid
Dos de cabillaud          | 160 | 18 0 1 0      | poisson léger
Filet de merlu            | 160 | 17 0 2 0      | poisson léger
Thon au naturel           | 112 | 25 0 1 0      | poisson conserve
Sardines à l’huile        | 90  | 23 0 14 0     | poisson conserve
Maquereaux au vin blanc   | 120 | 17 2 13 0     | poisson conserve
Truite aux amandes        | 180 | 20 2 11 1     | poisson
Crevettes à l’ail         | 130 | 21 1 4 0      | poisson
Noix de Saint-Jacques     | 120 | 17 3 1 0      | poisson fête
Omelette aux fines herbes | 150 | 12 1 13 0.3   | œuf
Omelette au fromage       | 170 | 15 1 17 0     | œuf
Tofu sauté au soja        | 150 | 13 3 8 1.5    | végétarien
Tempeh grillé             | 120 | 19 8 10 5     | végétalien
Steak végétal             | 100 | 17 9 9 6      | végétarien
Jambon blanc              | 80  | 21 1 3 0      | porc froid
""")

SIDES = _foods("""
haricots verts            | 200 | 1.9 4.5 0.3 3.2 |
riz basmati               | 180 | 2.7 28 0.3 0.6  |
riz complet               | 180 | 2.8 24 1 1.8    |
quinoa                    | 160 | 4.4 21 1.9 2.8  |
lentilles vertes          | 180 | 9 16 0.5 8      |
pâtes complètes           | 200 | 5.5 27 1.1 4    |
coquillettes              | 200 | 5 29 0.9 1.8    |
purée maison              | 220 | 2 14 4 1.6      | maison
pommes de terre vapeur    | 200 | 1.9 17 0.1 1.8  |
frites                    | 150 | 3.4 38 14 3.8   |
gratin dauphinois         | 200 | 4.5 13 9 1.3    |
ratatouille               | 220 | 1.2 6 3.5 2     | légumes
brocolis                  | 200 | 2.8 4 0.4 3     | légumes
épinards à la crème       | 200 | 2.9 3.5 4 2.4   | légumes
carottes râpées           | 150 | 0.9 8 4 2.6     | légumes
courgettes poêlées        | 200 | 1.3 3 3 1.2     | légumes
petits pois carottes      | 200 | 4 9 0.8 4.4     | légumes
salade verte              | 80  | 1.3 2 5 1.4     | légumes
semoule                   | 180 | 4 23 0.5 1.4    |
boulgour                  | 170 | 3.5 19 0.4 4.2  |
patate douce rôtie        | 200 | 1.7 20 2.5 3    |
poêlée de champignons     | 180 | 2.8 3 3 1.5     | légumes
chou-fleur persillé       | 200 | 2 4 1.5 2.2     | légumes
pois chiches              | 150 | 8.5 20 2.8 7    |
""")

PLATES = _foods("""
Blanquette de veau        | 350 | 11 8 6 1        | maison
Bœuf bourguignon          | 350 | 12 6 6 1        | maison
Pot-au-feu                | 400 | 10 6 5 1.4      | maison
Hachis parmentier         | 350 | 8 11 7 1.3      | maison
Cassoulet                 | 380 | 10 12 9 4       |
Choucroute garnie         | 400 | 9 4 12 2.2      | restaurant
Petit salé aux lentilles  | 380 | 11 11 6 4.2     |
Couscous poulet merguez   | 420 | 9 16 6 2.4      |
Tajine d’agneau aux pruneaux | 380 | 10 12 8 2    |
Coq au vin                | 350 | 13 4 7 0.8      | maison
Quiche lorraine           | 180 | 11 20 21 1      |
Tarte aux poireaux        | 180 | 7 20 15 1.8     | végétarien
Lasagnes bolognaise       | 350 | 8 13 7 1.2      |
Spaghetti bolognaise      | 380 | 7 18 4 1.6      |
Pâtes carbonara           | 350 | 9 24 11 1.2     |
Gnocchis à la tomate      | 300 | 4 28 3 2        | végétarien
Pizza margherita          | 320 | 10 31 9 2       | restaurant
Pizza reine               | 340 | 11 29 9 1.9     | restaurant
Croque-monsieur           | 180 | 14 22 16 1.2    |
Croque-madame             | 220 | 14 19 16 1      |
Galette complète          | 250 | 11 19 9 1.8     | crêperie
Salade niçoise            | 350 | 8 6 7 1.9       | froid
Salade César au poulet    | 320 | 10 6 9 1.3      | froid
Salade de chèvre chaud    | 300 | 8 11 13 1.5     | froid végétarien
Salade de lentilles et feta | 300 | 9 13 7 4.3   | froid végétarien
Taboulé au poulet         | 300 | 8 18 5 2        | froid
Poke bowl saumon          | 400 | 8 17 6 1.8      | livraison
Bo bun au bœuf            | 450 | 7 15 4 1.5      | restaurant
Wok de légumes au tofu    | 350 | 6 9 5 2.6       | végétalien
Curry de pois chiches     | 350 | 5 15 5 4        | végétalien
Dahl de lentilles corail  | 350 | 6.5 15 4 3.6    | végétalien
Chili con carne           | 350 | 9 10 5 3.8      |
Chili sin carne           | 350 | 5 13 3 4.6      | végétalien
Moussaka                  | 350 | 7 8 9 1.8       |
Paella                    | 400 | 9 18 5 1.1      |
Brandade de morue         | 300 | 10 10 9 1       | poisson
Moules frites             | 500 | 9 13 7 1.4      | poisson restaurant
Soupe de poissons         | 350 | 5 4 3 0.6       | poisson
Soupe de légumes          | 350 | 1.2 6 1.3 1.6   | soir
Velouté de potiron        | 350 | 1.3 6 2.5 1.3   | soir végétarien
Sandwich jambon beurre    | 220 | 11 33 12 1.8    | midi
Sandwich thon crudités    | 240 | 10 27 9 1.9     | midi
Wrap au poulet            | 230 | 12 25 8 2       | midi
Kebab frites              | 480 | 9 20 12 1.6     | restaurant
Burger maison             | 300 | 14 20 12 1.5    | maison
Rougail saucisse          | 380 | 9 14 11 1.6     | créole
Colombo de poulet         | 360 | 12 9 6 1.5      | créole
Carry de thon             | 350 | 14 10 5 1.2     | créole poisson
Bougna au poulet          | 400 | 9 14 6 2        | calédonien
Tartiflette               | 350 | 9 13 13 1.1     | hiver
Raclette complète         | 450 | 12 12 16 1      | hiver
Steak tartare             | 200 | 20 2 11 0.4     | bœuf restaurant
""")

BREAKFASTS = _foods("""
Yaourt grec 0 %           | 170 | 10 4 0.2 0      | laitage
Fromage blanc 0 %         | 200 | 8 4 0.1 0       | laitage
Fromage blanc et fruits rouges | 250 | 6.5 7 0.2 1 | laitage
Skyr nature               | 150 | 11 4 0.2 0      | laitage sport
Skyr, banane et miel      | 250 | 7 16 0.3 1      | laitage
Flocons d’avoine au lait  | 250 | 5.5 17 3 2.2    |
Porridge aux myrtilles    | 300 | 4.2 18 3 2.6    |
Muesli et lait demi-écrémé | 250 | 5.5 22 3.5 2.4 |
Céréales et lait          | 230 | 5 26 2 1.3      |
2 tartines beurre confiture | 110 | 6 52 14 2.2   |
2 tartines beurre miel    | 110 | 5.8 53 14 2     |
Croissant                 | 60  | 8 45 21 2       | boulangerie
Pain au chocolat          | 70  | 8 46 22 2.6     | boulangerie
2 œufs au plat            | 110 | 13 1 12 0       | œuf
3 œufs brouillés          | 170 | 12 1.5 12 0     | œuf sport
2 œufs à la coque et mouillettes | 160 | 11 18 9 1.1 | œuf
Omelette 3 blancs 1 jaune | 150 | 12 1 4 0        | œuf sport
Pancakes protéinés        | 180 | 17 22 5 2.6     | sport
Tartine avocat œuf poché  | 200 | 9 16 12 4.6     |
Pain complet et jambon    | 120 | 14 28 4 4        |
Shaker de whey au lait    | 330 | 10 5 1.6 0.2    | sport
Whey vanille à l’eau      | 330 | 7.5 0.8 0.6 0   | sport
Bol de fruits et amandes  | 220 | 4 14 8 3.4      |
Brioche et chocolat chaud | 280 | 5 21 6 0.9      | dimanche
Chia pudding coco         | 220 | 5 10 9 6         | végétalien
Smoothie banane avoine    | 350 | 4 15 2 1.6       |
Riz au lait               | 150 | 3.5 21 3 0.3     | laitage
Petit-suisse et compote   | 200 | 5 13 3.5 0.8     | laitage
""")

SNACKS = _foods("""
Poignée d’amandes         | 30  | 21 9 51 12      | oléagineux
Noix de cajou             | 30  | 18 27 45 3.3    | oléagineux
Barre protéinée           | 55  | 34 34 14 8      | sport
Shaker de whey            | 330 | 8 1.5 0.8 0     | sport
Caséine au lait           | 300 | 11 4 1.4 0      | sport soir
Cottage cheese            | 150 | 11 3 4 0        | laitage
Faisselle                 | 150 | 5 4 4 0         | laitage
Petit-suisse nature       | 60  | 9 4 9 0         | laitage
Yaourt nature             | 125 | 4.3 5.5 3 0     | laitage
Crème dessert protéinée   | 200 | 10 8 1.5 0.5    | sport
Pomme                     | 150 | 0.3 12 0.2 2.2  | fruit
Banane                    | 120 | 1.1 20 0.3 2.6  | fruit
Clémentines               | 140 | 0.8 10 0.2 1.8  | fruit
Compote sans sucre        | 100 | 0.3 12 0.1 1.6  | fruit
Carré de chocolat noir    | 20  | 9 30 45 11      | plaisir
Part de gâteau au yaourt  | 80  | 6 45 15 1       | maison
Madeleines                | 50  | 6 50 24 1.2     |
Crêpe au sucre            | 80  | 6 38 9 1.1      |
Tranche de comté          | 30  | 27 0 35 0       | fromage
Babybel                   | 22  | 23 0 24 0       | fromage
Camembert et pain         | 90  | 13 31 12 2      | fromage
Houmous et bâtonnets de carotte | 130 | 5 11 12 4.5 | végétalien
Jambon de dinde roulé     | 60  | 21 1 2 0        | sport
2 œufs durs               | 100 | 13 1 10 0       | œuf
Galettes de riz au beurre de cacahuète | 50 | 15 55 22 4.5 | sport
Edamame                   | 120 | 11 9 5 5         | végétalien
Beef jerky                | 30  | 35 12 7 1        | sport
Verre de lait             | 250 | 3.4 4.8 1.6 0    | laitage
""")

DISHES = (*MAINS, *SIDES, *PLATES, *BREAKFASTS, *SNACKS)
