"""Measure how each measure of diversity responds to duplicates, paraphrases, translations and a loss of topics.

    python benchmarks/diversity_response.py --out docs/evidence/diversity.json --svg docs/img/diversity-response.svg [--embed
    hf/FOLDER]

A small grammar of 16 kinds of tasks and 48 topics gives a set of 300 instructions, in which no pair of kind and topic occurs
twice. Then a share of the texts is replaced by the same number of texts that add nothing new: copies of the others, the same
tasks in other words, or the same tasks in German or Spanish. For the loss of topics, all texts keep their kind of task, and
their topics come from an ever shorter list. All draws are seeded, and each figure is the mean of five draws.
"""

import argparse
import json
import random
from pathlib import Path

import numpy as np

from bootstruct.embeddings.embedder import embedded, open_embedder
from bootstruct.measures.diversity import lexical_measures
from bootstruct.measures.vectors import vector_measures

KINDS = [  # in English, in other words, in German and in Spanish; {} is the topic
    ("Write a short poem about {}.", "Compose a few lines of verse on {}.", "Schreibe ein kurzes Gedicht über {}.", "Escribe un poema breve sobre {}."),
    ("Explain to a child what {} is good for.", "Tell a young pupil why {} matters.", "Erkläre einem Kind, wozu {} gut ist.", "Explica a un niño para qué sirve {}."),
    ("List five facts about {}.", "Name a handful of things worth knowing on {}.", "Nenne fünf Tatsachen über {}.", "Enumera cinco datos sobre {}."),
    ("Draft a polite letter that complains about {}.", "Compose a courteous note of complaint regarding {}.", "Entwirf einen höflichen Beschwerdebrief über {}.", "Redacta una carta cortés de queja sobre {}."),
    ("Invent a riddle whose answer is {}.", "Make up a puzzle that resolves to {}.", "Erfinde ein Rätsel, dessen Lösung {} ist.", "Inventa una adivinanza cuya respuesta sea {}."),
    ("Compare {} fifty years ago with today.", "Contrast {} of half a century back with the present.", "Vergleiche {} vor fünfzig Jahren mit heute.", "Compara {} de hace cincuenta años con hoy."),
    ("Give three tips for beginners who are interested in {}.", "Offer newcomers to {} a trio of hints.", "Gib Anfängern drei Tipps zum Thema {}.", "Da tres consejos a principiantes interesados en {}."),
    ("Plan a lesson of one hour about {}.", "Prepare sixty minutes of teaching on {}.", "Plane eine Unterrichtsstunde über {}.", "Planifica una clase de una hora sobre {}."),
    ("Tell a joke in which {} plays a part.", "Crack something funny involving {}.", "Erzähle einen Witz, in dem {} vorkommt.", "Cuenta un chiste en el que aparezca {}."),
    ("Suggest a title for a book about {}.", "Propose how a volume on {} could be called.", "Schlage einen Titel für ein Buch über {} vor.", "Sugiere un título para un libro sobre {}."),
    ("Ask an expert four questions about {}.", "Put four queries regarding {} to a specialist.", "Stelle einer Fachfrau vier Fragen über {}.", "Haz a una experta cuatro preguntas sobre {}."),
    ("Describe {} without using the letter e.", "Portray {} while avoiding the vowel e.", "Beschreibe {} ohne den Buchstaben e.", "Describe {} sin usar la letra e."),
    ("Argue for and against spending public money on {}.", "Weigh up whether taxes should pay for {}.", "Nenne Gründe für und gegen öffentliches Geld für {}.", "Argumenta a favor y en contra de gastar dinero público en {}."),
    ("Summarize the history of {} in two sentences.", "Sketch how {} came about, in a couple of phrases.", "Fasse die Geschichte von {} in zwei Sätzen zusammen.", "Resume la historia de {} en dos frases."),
    ("Find a slogan that sells {}.", "Coin an advertising line for {}.", "Finde einen Werbespruch für {}.", "Busca un lema que venda {}."),
    ("Sort the most common mistakes with {} by how costly they are.", "Rank typical errors around {} by expense.", "Ordne die häufigsten Fehler bei {} nach ihren Kosten.", "Ordena los errores más comunes con {} según su coste."),
]  # fmt: skip
TOPICS = [  # in English, in other words, in German and in Spanish
    ("the sea", "the ocean", "das Meer", "el mar"), ("old clocks", "antique timepieces", "alte Uhren", "relojes antiguos"),
    ("bread", "loaves", "Brot", "el pan"), ("night trains", "sleeper services", "Nachtzüge", "trenes nocturnos"),
    ("chess", "the game of kings", "Schach", "el ajedrez"), ("bees", "honey makers", "Bienen", "las abejas"),
    ("tax forms", "revenue paperwork", "Steuerformulare", "formularios de impuestos"), ("volcanoes", "fire mountains", "Vulkane", "los volcanes"),
    ("kites", "toy gliders on strings", "Drachen", "cometas"), ("the violin", "the fiddle", "die Geige", "el violín"),
    ("traffic lights", "road signals", "Ampeln", "semáforos"), ("soap", "washing bars", "Seife", "el jabón"),
    ("glaciers", "rivers of ice", "Gletscher", "los glaciares"), ("umbrellas", "rain shields", "Regenschirme", "paraguas"),
    ("spiders", "web spinners", "Spinnen", "las arañas"), ("public libraries", "municipal book collections", "Stadtbüchereien", "bibliotecas públicas"),
    ("vaccines", "immunizations", "Impfstoffe", "las vacunas"), ("goats", "billies and nannies", "Ziegen", "las cabras"),
    ("passwords", "secret login words", "Passwörter", "contraseñas"), ("tea", "the brew from leaves", "Tee", "el té"),
    ("bicycles", "two-wheelers", "Fahrräder", "bicicletas"), ("eclipses", "darkenings of the sun", "Finsternisse", "los eclipses"),
    ("bridges", "river crossings", "Brücken", "puentes"), ("mushrooms", "edible fungi", "Pilze", "setas"),
    ("democracy", "rule by the people", "Demokratie", "la democracia"), ("batteries", "power cells", "Batterien", "baterías"),
    ("wedding speeches", "toasts to newlyweds", "Hochzeitsreden", "discursos de boda"), ("deserts", "arid lands", "Wüsten", "los desiertos"),
    ("snow", "white winter flakes", "Schnee", "la nieve"), ("origami", "paper folding", "Papierfalten", "el plegado de papel"),
    ("garbage trucks", "waste collection vehicles", "Müllwagen", "camiones de basura"), ("whales", "giant sea mammals", "Wale", "las ballenas"),
    ("coins", "metal money", "Münzen", "monedas"), ("sleep", "slumber", "Schlaf", "el sueño"),
    ("maps", "charts of places", "Landkarten", "mapas"), ("robots", "automatons", "Roboter", "los robots"),
    ("cheese", "curdled milk delicacies", "Käse", "el queso"), ("lighthouses", "coastal beacons", "Leuchttürme", "faros"),
    ("hospitals", "clinics", "Krankenhäuser", "hospitales"), ("football", "soccer", "Fußball", "el fútbol"),
    ("poverty", "destitution", "Armut", "la pobreza"), ("shoes", "footwear", "Schuhe", "zapatos"),
    ("the moon", "our satellite", "der Mond", "la luna"), ("elevators", "lifts", "Aufzüge", "ascensores"),
    ("algebra", "calculation with letters", "Algebra", "el álgebra"), ("perfume", "fragrance", "Parfüm", "el perfume"),
    ("earthquakes", "tremors of the ground", "Erdbeben", "los terremotos"), ("gardens", "backyards with flowers", "Gärten", "jardines"),
]  # fmt: skip
SIZE, DRAWS = 300, 5
SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9)
PLANTS = {"duplicates": 0, "paraphrases": 1, "translations": 2}
COLOURS = {"duplicates": "#c0392b", "paraphrases": "#2471a3", "translations": "#7d3c98", "loss of topics": "#1e8449"}


def text(pair, way):
    """Return the instruction for a pair of kind and topic.

    `way` is 0 for English, 1 for English in other words, 2 for German and 3 for Spanish.
    """
    kind, topic = pair
    return KINDS[kind][way].format(TOPICS[topic][way])


def planted(what, share, draw):
    """Return the texts of a set of which `share` was replaced, and the pair (kind, topic) of each text, which is the truth."""
    chance = random.Random(f"{what}/{draw}")
    if what == "loss of topics":
        topics = chance.sample(range(len(TOPICS)), max(2, round(len(TOPICS) * (1 - share))))
        every = [(kind, topic) for kind in range(len(KINDS)) for topic in topics]
        pairs = chance.sample(every, SIZE) if len(every) >= SIZE else [chance.choice(every) for _ in range(SIZE)]
        return [text(pair, 0) for pair in pairs], pairs
    every = [(kind, topic) for kind in range(len(KINDS)) for topic in range(len(TOPICS))]
    pairs = chance.sample(every, SIZE)
    kept = round(SIZE * (1 - share))
    texts = [text(pair, 0) for pair in pairs[:kept]]
    for _ in range(SIZE - kept):
        pair = chance.choice(pairs[:kept])
        way = PLANTS[what] if what != "translations" else chance.choice((2, 3))
        texts.append(text(pair, way))
        pairs.append(pair)
    pairs = pairs[:kept] + pairs[SIZE:]
    order = chance.sample(range(SIZE), SIZE)
    return [texts[place] for place in order], [pairs[place] for place in order]


def responses(embedder, cache):
    """Return a row for each replacement, share and measure, with the mean and the spread over the draws.

    The mean is also given relative to the set without any replacement.
    """
    rows = []
    for what in (*PLANTS, "loss of topics"):
        for share in SHARES:
            found: dict[str, list[float]] = {}
            measures = {}
            for draw in range(DRAWS):
                texts, pairs = planted(what, share, draw)
                statistics = lexical_measures(texts)
                if embedder is not None:
                    vectors = embedded(texts, embedder, cache)
                    statistics += vector_measures(vectors, vectors)
                for measure, statistic in statistics:
                    found.setdefault(measure.key, []).append(statistic(np.arange(SIZE)))
                    measures[measure.key] = measure
                found.setdefault("tasks", []).append(len(set(pairs)))
            for key, values in found.items():
                is_more = key == "tasks" or measures[key].more_is_diverse
                label = "truth: different tasks" if key == "tasks" else measures[key].label
                rows.append(
                    {
                        "planted": what,
                        "share": share,
                        "measure": key,
                        "label": label,
                        "more_is_diverse": is_more,
                        "value": float(np.mean(values)),
                        "spread": float(np.std(values, ddof=1)),
                    }
                )
            print(what, share, flush=True)
    base = {(row["planted"], row["measure"]): row["value"] for row in rows if row["share"] == 0}
    for row in rows:
        start = base[row["planted"], row["measure"]]
        row["of_base"] = (
            row["value"] / start if row["more_is_diverse"] else start / row["value"] if row["value"] else None
        )
    return rows


def svg(rows):
    """Draw a panel for each measure with a line for each replacement; the value 1 is the diversity without any replacement."""
    keys = list(dict.fromkeys(row["measure"] for row in rows))
    wide, high, across = 250, 150, 4
    down = -(-len(keys) // across)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide * across} {high * down + 40}" role="img" aria-label="Response of each measure to what is planted">'
    ]
    parts.append(
        "<style>text{font:11px sans-serif;fill:#333}.t{font-weight:600}.g{stroke:#999;stroke-width:.5}@media(prefers-color-scheme:dark){text{fill:#ddd}}</style>"
    )
    for number, (name, colour) in enumerate(COLOURS.items()):
        parts.append(
            f'<rect x="{20 + 190 * number}" y="10" width="14" height="4" fill="{colour}"/><text x="{40 + 190 * number}" y="16">{name}</text>'
        )
    for number, key in enumerate(keys):
        left, top = wide * (number % across) + 26, high * (number // across) + 56
        mine = [row for row in rows if row["measure"] == key]
        most = max(1.25, *(row["of_base"] or 0 for row in mine))
        width, height = wide - 40, high - 46

        def place(share, value, left=left, top=top, width=width, height=height, most=most):
            return f"{left + width * share:.1f},{top + height * (1 - value / most):.1f}"

        parts.append(f'<text class="t" x="{left}" y="{top - 6}">{mine[0]["label"]}</text>')
        for value in (0, 1):
            y = top + height * (1 - value / most)
            parts.append(
                f'<line class="g" x1="{left}" x2="{left + width}" y1="{y:.1f}" y2="{y:.1f}"/><text x="{left - 14}" y="{y + 4:.1f}">{value}</text>'
            )
        for name, colour in COLOURS.items():
            line = [row for row in mine if row["planted"] == name]
            points = " ".join(place(row["share"], row["of_base"] or 0) for row in line)
            parts.append(
                f'<polyline fill="none" stroke="{colour}" stroke-width="1.8" points="{points}"><title>{name}</title></polyline>'
            )
    return "".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--svg", type=Path, required=True)
    parser.add_argument("--embed")
    parser.add_argument("--embeddings", type=Path)
    parser.add_argument("--name", help="of the model of embeddings, as the figures say it")
    options = parser.parse_args()
    rows = responses(open_embedder(options.embed) if options.embed else None, options.embeddings)
    options.out.write_text(
        json.dumps({"size": SIZE, "draws": DRAWS, "embeddings": options.name, "rows": rows}, indent=1) + "\n"
    )
    options.svg.write_text(svg(rows))


if __name__ == "__main__":
    main()
