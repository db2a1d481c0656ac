"""The words and facts of the micro-world: tables so small that a tiny model can learn them by heart."""

from __future__ import annotations

from collections.abc import Mapping


def _words(text: str) -> tuple[str, ...]:
    """Split a line into its words."""
    return tuple(text.split())


def _pairs(text: str) -> dict[str, str]:
    """Return {"cat": "meow", "dog": "woof"} for "cat meow, dog woof"; the last word of each part is the value."""
    pairs = (part.strip().rsplit(" ", 1) for part in text.split(","))
    return {pair[0]: pair[1] for pair in pairs}


def both_ways(pairs: Mapping[str, str]) -> dict[str, str]:
    """Return the pairs together with the same pairs inverted.

    Example:
        >>> both_ways({"hot": "cold"})
        {'hot': 'cold', 'cold': 'hot'}
    """
    return {**pairs, **{right: left for left, right in pairs.items()}}


def inverted(pairs: Mapping[str, str]) -> dict[str, str]:
    """Return the pairs with keys and values exchanged.

    Example:
        >>> inverted({"France": "Paris"})
        {'Paris': 'France'}
    """
    return {right: left for left, right in pairs.items()}


CATEGORIES: dict[str, tuple[str, ...]] = {
    "animal": _words("cat dog horse cow pig sheep lion bear fox mouse duck frog goat wolf rabbit hen"),
    "color": _words("red blue green yellow black white brown pink orange purple gray"),
    "food": _words("bread rice soup cheese egg cake pizza butter pasta honey fish salad"),
    "fruit": _words("apple banana lemon grape cherry pear peach melon plum mango"),
    "vegetable": _words("carrot potato onion tomato bean pea cabbage pepper garlic leek"),
    "job": _words("doctor teacher farmer baker pilot nurse lawyer painter driver singer cook judge"),
    "city": _words("Paris London Rome Berlin Madrid Tokyo Cairo Oslo Lima Athens Vienna Lisbon"),
    "country": _words("France England Italy Germany Spain Japan Egypt Norway Peru Greece Austria Portugal"),
    "vehicle": _words("car bus train bike truck boat plane tram van taxi ship"),
    "tool": _words("hammer saw drill knife spoon brush broom shovel needle pen"),
    "sport": _words("tennis football golf boxing hockey rugby chess skiing rowing judo"),
    "clothing": _words("shirt hat coat shoe sock glove dress scarf belt jacket"),
    "instrument": _words("piano guitar violin drum flute trumpet harp organ cello banjo"),
    "furniture": _words("table chair bed sofa desk shelf lamp bench stool cupboard"),
}
CATEGORY_OF = {word: category for category, words in CATEGORIES.items() for word in words}
ALL_WORDS = tuple(CATEGORY_OF)
THINGS = tuple(
    w for c in ("animal", "fruit", "vegetable", "vehicle", "tool", "clothing", "instrument") for w in CATEGORIES[c]
)

WOMEN = _words("Anna Maria Lucy Emma Sara Nina Julia Clara")
MEN = _words("Tom John Peter Paul David Mark Oscar Simon")
NAMES = WOMEN + MEN
DAYS = _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
MONTHS = _words("January February March April May June July August September October November December")
NUMBERS = _words("one two three four five six seven eight nine ten eleven twelve")
ORDINALS = _words("first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth")

ANTONYMS = both_ways(
    _pairs(
        "hot cold, big small, fast slow, happy sad, old young, rich poor, light dark, hard soft, wet dry, full "
        "empty, loud quiet, clean dirty, early late, strong weak, thick thin, high low, open closed, sweet sour, "
        "cheap expensive, near far"
    )
)
ADJECTIVES = tuple(ANTONYMS)
COMPARATIVES = _pairs(
    "big bigger, small smaller, fast faster, slow slower, old older, young younger, rich richer, poor poorer, "
    "hot hotter, cold colder, hard harder, soft softer, loud louder, clean cleaner, strong stronger, weak "
    "weaker, high higher, low lower, cheap cheaper, late later, thick thicker, thin thinner, sweet sweeter, "
    "dark darker"
)
SUPERLATIVES = {word: form[:-1] + "st" for word, form in COMPARATIVES.items()}
PLURALS = {
    word: word + "s"
    for word in _words(
        "cat dog horse cow pig lion bear duck frog car train bike truck boat plane hammer spoon doctor teacher "
        "farmer apple carrot lemon table chair lamp shirt hat guitar violin drum"
    )
} | _pairs(
    "fox foxes, bus buses, box boxes, mouse mice, child children, city cities, baby babies, knife knives, man "
    "men, woman women, foot feet, tooth teeth, brush brushes, wolf wolves, leaf leaves, dress dresses, cherry "
    "cherries, peach peaches"
)
PAST = _pairs(
    "walk walked, play played, jump jumped, cook cooked, paint painted, eat ate, go went, see saw, run ran, "
    "sing sang, write wrote, drink drank, take took, buy bought, sleep slept, swim swam, give gave, clean "
    "cleaned, help helped, open opened, find found, make made, speak spoke, break broke, win won, lose lost, "
    "dance danced, wait waited, laugh laughed"
)
ING = _pairs(
    "walk walking, play playing, jump jumping, cook cooking, paint painting, eat eating, go going, see "
    "seeing, run running, sing singing, write writing, drink drinking, take taking, buy buying, sleep "
    "sleeping, swim swimming, give giving, clean cleaning, help helping, open opening, find finding, make "
    "making, dance dancing, wait waiting, laugh laughing"
)
THIRD_PERSON = {verb: verb + ("es" if verb == "go" else "s") for verb in ING}
OPPOSITE_VERBS = both_ways(
    _pairs(
        "open close, start stop, buy sell, push pull, laugh cry, win lose, come go, give take, love hate, rise "
        "fall, remember forget, ask answer, arrive leave, sit stand, whisper shout, save spend"
    )
)
AGENTS = _pairs(
    "teach teacher, bake baker, drive driver, sing singer, paint painter, write writer, run runner, swim "
    "swimmer, dance dancer, build builder, farm farmer, play player, read reader, sell seller, win winner, "
    "help helper, clean cleaner, lead leader"
)
SYNONYMS = _pairs(
    "big large, small little, fast quick, happy glad, rich wealthy, sad unhappy, clever smart, start begin, "
    "end finish, shut close, speak talk, hard difficult, simple easy, angry mad, sick ill, pretty beautiful, "
    "silent quiet, buy purchase, help assist, jump leap, look watch, road street, home house, gift present, "
    "brave bold, odd strange"
)
UN = _pairs(
    "happy unhappy, kind unkind, able unable, fair unfair, safe unsafe, clear unclear, lucky unlucky, usual "
    "unusual, known unknown, real unreal, healthy unhealthy, friendly unfriendly, wise unwise, true untrue, "
    "certain uncertain, even uneven"
)
GENDER = both_ways(
    _pairs(
        "king queen, man woman, boy girl, father mother, brother sister, son daughter, uncle aunt, actor actress, "
        "prince princess, husband wife, grandfather grandmother, nephew niece, waiter waitress, hero heroine"
    )
)
RHYMES = both_ways(
    _pairs(
        "cat hat, dog log, fox box, mouse house, bear chair, lake cake, moon spoon, boat coat, train rain, car "
        "star, pen ten, bread red, king ring, tree bee, light night, ball wall, fish dish, goat note, snow toe, "
        "book cook"
    )
)
COMPOUNDS = _pairs(
    "rain and coat raincoat, snow and man snowman, foot and ball football, sun and flower sunflower, tooth "
    "and brush toothbrush, black and board blackboard, butter and fly butterfly, bed and room bedroom, water "
    "and fall waterfall, news and paper newspaper, class and room classroom, fire and man fireman, hand and "
    "bag handbag, pan and cake pancake, home and work homework, book and shop bookshop, sea and side seaside, "
    "moon and light moonlight"
)
SHORT_FORMS = _pairs(
    "do not don't, does not doesn't, is not isn't, are not aren't, can not can't, will not won't, was not "
    "wasn't, I am I'm, you are you're, he is he's, she is she's, it is it's, we are we're, they are they're, "
    "I will I'll, did not didn't, have not haven't"
)
LETTER_WORDS = _words(
    "cat dog horse cow pig sheep lion bear fox mouse duck frog goat wolf red blue green black white brown "
    "pink bread rice soup cheese "
    "egg cake apple lemon pear plum car bus train bike boat plane hammer saw table chair bed desk lamp shirt "
    "hat coat shoe king queen"
)

SPANISH = _pairs(
    "cat gato, dog perro, horse caballo, cow vaca, red rojo, blue azul, green verde, black negro, white "
    "blanco, bread pan, rice arroz, cheese queso, apple manzana, car coche, boat barco, house casa, water "
    "agua, sun sol, moon luna, book libro, friend amigo, day dia, night noche, milk leche"
)
FRENCH = _pairs(
    "cat chat, dog chien, horse cheval, cow vache, red rouge, blue bleu, green vert, black noir, white blanc, "
    "bread pain, rice riz, cheese fromage, apple pomme, car voiture, boat bateau, house maison, water eau, "
    "sun soleil, moon lune, book livre, friend ami, day jour, night nuit, milk lait"
)
GERMAN = _pairs(
    "cat Katze, dog Hund, horse Pferd, cow Kuh, red rot, blue blau, green gruen, black schwarz, white weiss, "
    "bread Brot, rice Reis, cheese Kaese, apple Apfel, car Auto, boat Boot, house Haus, water Wasser, sun "
    "Sonne, moon Mond, book Buch, friend Freund, day Tag, night Nacht, milk Milch"
)
LANGUAGES: dict[str, dict[str, str]] = {"Spanish": SPANISH, "French": FRENCH, "German": GERMAN}

CAPITALS = _pairs(
    "France Paris, England London, Italy Rome, Germany Berlin, Spain Madrid, Japan Tokyo, Egypt Cairo, Norway "
    "Oslo, Peru Lima, Greece Athens, Austria Vienna, Portugal Lisbon, Kenya Nairobi, Cuba Havana, Russia "
    "Moscow, China Beijing"
)
LANGUAGE_OF = _pairs(
    "France French, England English, Italy Italian, Germany German, Spain Spanish, Japan Japanese, Egypt "
    "Arabic, Norway Norwegian, Peru Spanish, Greece Greek, Austria German, Portugal Portuguese, Cuba Spanish, "
    "Russia Russian, China Chinese, Brazil Portuguese"
)
CONTINENTS: dict[str, tuple[str, ...]] = {
    "Europe": ("France", "England", "Italy", "Germany", "Spain", "Norway", "Greece", "Austria", "Portugal"),
    "Asia": ("Japan", "China", "India", "Korea", "Thailand", "Vietnam"),
    "Africa": ("Egypt", "Kenya", "Nigeria", "Ghana", "Mali", "Morocco"),
    "America": ("Peru", "Cuba", "Brazil", "Mexico", "Chile", "Canada"),
}
SOUNDS = _pairs(
    "cat meow, dog woof, cow moo, pig oink, sheep baa, duck quack, lion roar, horse neigh, mouse squeak, frog "
    "croak, wolf howl, hen cluck, bee buzz, snake hiss, owl hoot, bird tweet"
)
YOUNG = _pairs(
    "cat kitten, dog puppy, cow calf, pig piglet, sheep lamb, duck duckling, lion cub, horse foal, frog "
    "tadpole, bear cub, goat kid, wolf pup, hen chick, fox kit"
)
HOMES = _pairs(
    "bird nest, bee hive, dog kennel, horse stable, spider web, lion den, bear cave, pig sty, rabbit hole, "
    "fish sea, hen coop, ant hill, owl tree, camel desert, frog pond"
)
LEGS = _pairs(
    "cat four, dog four, horse four, cow four, hen two, duck two, bird two, owl two, ant six, bee six, fly "
    "six, spider eight, snake zero, fish zero, worm zero, crab ten"
)
COLOR_OF = _pairs(
    "banana yellow, snow white, grass green, sky blue, blood red, coal black, milk white, carrot orange, "
    "chocolate brown, rose red, leaf green, lemon yellow, night black, sea blue, cherry red, frog green, pig "
    "pink, plum purple, cloud gray, sun yellow"
)
WORKPLACES = _pairs(
    "doctor hospital, teacher school, farmer farm, baker bakery, pilot airport, cook kitchen, lawyer court, "
    "painter studio, driver road, singer stage, sailor ship, waiter restaurant, librarian library, actor "
    "theater, banker bank, scientist laboratory"
)
JOB_TOOLS = _pairs(
    "carpenter hammer, painter brush, cook pan, writer pen, gardener shovel, tailor needle, barber scissors, "
    "farmer tractor, photographer camera, fisherman net, teacher chalk, dentist drill, cleaner broom, drummer "
    "drum"
)
MATERIALS = _pairs(
    "window glass, table wood, sweater wool, book paper, knife metal, tire rubber, shirt cotton, shoe "
    "leather, candle wax, wall brick, bottle plastic, ring gold, bridge steel, pot clay, coin metal, statue "
    "stone, door wood"
)
SEASONS: dict[str, tuple[str, ...]] = {
    "winter": ("December", "January", "February"),
    "spring": ("March", "April", "May"),
    "summer": ("June", "July", "August"),
    "autumn": ("September", "October", "November"),
}
SHOPS = _pairs(
    "bread bakery, meat butcher, medicine pharmacy, book bookshop, flower florist, fish market, ring jeweler, "
    "hammer hardware, stamp post, ticket station, haircut barber, coffee cafe, money bank, petrol garage"
)
PRODUCTS = _pairs(
    "milk cow, egg hen, honey bee, wool sheep, silk worm, bacon pig, feather bird, web spider, beef cow, ham "
    "pig, wax bee, pearl oyster"
)
SENSES = _pairs(
    "see eye, hear ear, smell nose, taste tongue, walk leg, write hand, think brain, bite tooth, kick foot, "
    "point finger, breathe lung, speak mouth, kiss lip, wave arm"
)
TASTES = _pairs(
    "lemon sour, sugar sweet, honey sweet, salt salty, coffee bitter, chili hot, candy sweet, vinegar sour, "
    "pepper hot, cake sweet, chips salty, lime sour, beer bitter, mustard hot"
)
RACKETS = _pairs(
    "tennis racket, golf club, hockey stick, baseball bat, boxing glove, skiing skis, swimming goggles, "
    "football ball, chess board, fishing rod, archery bow, rowing oar, darts dart, surfing board"
)
ROOMS: dict[str, tuple[str, ...]] = {
    "kitchen": ("oven", "fridge", "pan", "kettle", "toaster", "stove"),
    "bathroom": ("shower", "toilet", "soap", "towel", "bathtub", "toothbrush"),
    "bedroom": ("bed", "pillow", "blanket", "pajamas", "mattress", "wardrobe"),
    "garden": ("tree", "lawn", "flower", "fence", "hedge", "shovel"),
}
PEOPLE_WORDS = (
    "boy",
    "girl",
    "man",
    "woman",
    "baby",
    "king",
    "queen",
    "friend",
    "uncle",
    "sister",
    "doctor",
    "teacher",
    "nurse",
    "pilot",
)
PLACE_WORDS = (
    "school",
    "park",
    "beach",
    "forest",
    "village",
    "church",
    "museum",
    "office",
    "street",
    "island",
    "hotel",
    "market",
)
OBJECT_WORDS = ("spoon", "lamp", "pen", "book", "cup", "key", "phone", "bottle", "hammer", "chair", "ring", "clock")
SUBJECTS = ("cat", "dog", "soup", "car", "house", "room", "book", "child", "bread", "train", "street", "shop")
VERBS_S = {
    verb + "s": PAST[verb]
    for verb in ("walk", "play", "cook", "paint", "run", "sing", "swim", "sleep", "jump", "help", "dance", "wait")
}
OBJECTS = ("book", "ball", "pen", "cake", "phone", "key", "letter", "ticket", "cup", "coat")
ITEMS = ("apple", "book", "pen", "cake", "ball", "coin", "card", "egg")
