"""The words for what a face shows: every value of every label group in many wordings.

A wording is a phrase around "{}", the place of the noun, so that wordings nest in any order:
"smiling {}" around "{} with glasses" around "woman". "#" stands for an age in years.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Wordings = Mapping[str, tuple[str, ...]]


def _looks(adjectives: Sequence[str], *more: str) -> tuple[str, ...]:
    """Wordings of an expression from its adjectives."""
    forms = ("{} {{}}", "{} {{}}", "{{}} who looks {}", "{{}} who is {}",
             "{{}} with a {} expression", "{{}} with a {} face")  # fmt: skip
    return tuple(form.format(word) for word in adjectives for form in forms) + more


def _yes_no(yes: Sequence[str], no: Sequence[str]) -> dict[str, tuple[str, ...]]:
    return {"yes": tuple(yes), "no": tuple(no)}


def _with(*things: str) -> dict[str, tuple[str, ...]]:
    """A thing that a face has or has not."""
    yes = [form.format(t) for t in things for form in ("{{}} with {}", "{{}} who has {}")]
    no = [form.format(t) for t in things for form in ("{{}} without {}", "{{}} with no {}")]
    return _yes_no(yes, [phrase.replace(" no a ", " no ") for phrase in no])


def _wears(*things: str) -> dict[str, tuple[str, ...]]:
    """A thing that a person wears or not."""
    yes = [form.format(t) for t in things
           for form in ("{{}} wearing {}", "{{}} with {}", "{{}} who wears {}")]  # fmt: skip
    no = [form.format(t) for t in things
          for form in ("{{}} without {}", "{{}} not wearing {}", "{{}} with no {}")]  # fmt: skip
    return _yes_no(yes, [phrase.replace(" no a ", " no ") for phrase in no])


_AGED = ("{} at the age of #", "# year old {}", "{} aged #", "{} who is # years old",
         "{} of # years", "#-year-old {}")  # fmt: skip

AGE: Wordings = {
    "0-10": (*_AGED, "very young {}", "{} in childhood", "{} who is a child"),
    "10-30": (*_AGED, "{} in their twenties", "{} in their teens", "{} who is a young adult"),
    "30-50": (*_AGED, "{} in their thirties", "{} in their forties", "middle-aged {}"),
    "50-100": (*_AGED, "{} in their sixties", "{} in their seventies", "elderly {}", "old {}",
               "{} of old age", "aged {}", "{} in their eighties"),
}  # fmt: skip
# Ages that stand for a stage; its edges are left out, for people look older or younger.
YEARS: Mapping[str, range] = {
    "0-10": range(1, 9),
    "10-30": range(14, 28),
    "30-50": range(34, 47),
    "50-100": range(55, 91),
}

EXPRESSION: Wordings = {
    "happy": _looks(("happy", "joyful", "cheerful", "laughing"), "{} full of joy", "happiness {}"),
    "sad": _looks(("sad", "unhappy", "sorrowful", "crying"), "{} in grief", "sadness {}"),
    "neutral": _looks(("neutral", "calm", "blank"), "expressionless {}", "{} without emotion",
                      "{} showing no emotion"),
    "surprise": _looks(("surprised", "astonished", "amazed"), "surprise {}", "{} in surprise",
                       "{} with an expression of surprise"),
    "fear": _looks(("fearful", "scared", "frightened", "afraid", "terrified"), "fear {}",
                   "{} in fear", "{} with an expression of fear"),
    "disgust": _looks(("disgusted", "revolted"), "disgust {}", "{} in disgust",
                      "{} with an expression of disgust"),
    "anger": _looks(("angry", "furious", "mad"), "anger {}", "{} in anger",
                    "{} with an expression of anger"),
}  # fmt: skip

POSE: Wordings = {
    "frontal": ("frontal {}", "{} facing the camera", "{} seen from the front", "front view of {}",
                "{} looking at the camera", "{} from the front", "front-facing {}"),
    "profile": ("{} in profile", "{} seen from the side", "side view of {}", "{} from the side",
                "{} looking to the side", "profile of {}", "{} turned away", "profile view of {}"),
}  # fmt: skip

LIFE: Wordings = {
    "baby": ("{} who is a baby", "baby {}", "{} in the first years of life"),
    "child": ("{} who is a kid", "{} of school age"),
    "teenager": ("teenage {}", "{} who is a teenager", "adolescent {}"),
    "adult": ("adult {}", "grown-up {}", "{} who is an adult"),
    "senior": ("senior {}", "{} who is a pensioner", "very old {}", "{} who is a grandparent"),
}

GENDER: Wordings = {
    "male": ("male {}", "masculine {}", "{} who is a man"),
    "female": ("female {}", "feminine {}", "{} who is a woman"),
}

CELEBA: Mapping[str, Wordings] = {
    "5_o_Clock_Shadow": _with("a five o'clock shadow", "stubble", "a 5 o'clock shadow"),
    "Arched_Eyebrows": _with("arched eyebrows"),
    "Attractive": _yes_no(("attractive {}", "beautiful {}", "good-looking {}", "pretty {}"),
                          ("unattractive {}", "plain {}", "{} who is not attractive")),
    "Bags_Under_Eyes": _with("bags under the eyes", "bags under eyes", "eye bags"),
    "Bald": _yes_no(("bald {}", "{} with a bald head", "{} without hair", "hairless {}"),
                    ("{} with hair on the head", "{} who is not bald", "{} with hair")),
    "Bangs": _with("bangs", "a fringe", "hair over the forehead"),
    "Big_Lips": _yes_no(("{} with big lips", "{} with full lips"),
                        ("{} with thin lips", "{} without big lips", "{} with small lips")),
    "Big_Nose": _yes_no(("{} with a big nose", "{} with a large nose"),
                        ("{} with a small nose", "{} without a big nose")),
    "Black_Hair": _yes_no(("{} with black hair", "black-haired {}", "{} who has black hair"),
                          ("{} without black hair", "{} whose hair is not black")),
    "Blond_Hair": _yes_no(("{} with blond hair", "blonde {}", "blond {}", "{} with blonde hair"),
                          ("{} without blond hair", "{} whose hair is not blond")),
    "Blurry": _yes_no(("blurry {}", "blurred {}", "{} out of focus"),
                      ("sharp {}", "{} in focus", "clear {}")),
    "Brown_Hair": _yes_no(("{} with brown hair", "brown-haired {}", "{} who has brown hair"),
                          ("{} without brown hair", "{} whose hair is not brown")),
    "Bushy_Eyebrows": _yes_no(("{} with bushy eyebrows", "{} with thick eyebrows"),
                              ("{} with thin eyebrows", "{} without bushy eyebrows")),
    "Chubby": _yes_no(("chubby {}", "fat {}", "overweight {}", "{} with a chubby face"),
                      ("slim {}", "thin {}", "{} who is not chubby")),
    "Double_Chin": _with("a double chin"),
    "Eyeglasses": _wears("glasses", "eyeglasses", "spectacles"),
    "Goatee": _with("a goatee", "a chin beard"),
    "Gray_Hair": _yes_no(("{} with gray hair", "{} with grey hair", "gray-haired {}",
                          "{} with white hair"),
                         ("{} without gray hair", "{} without grey hair",
                          "{} whose hair is not gray")),
    "Heavy_Makeup": _wears("heavy makeup", "makeup", "a lot of makeup"),
    "High_Cheekbones": _with("high cheekbones"),
    "Mouth_Slightly_Open": _yes_no(("{} with the mouth open", "{} with an open mouth",
                                    "{} with the mouth slightly open", "{} showing teeth"),
                                   ("{} with the mouth closed", "{} with a closed mouth")),
    "Mustache": _with("a mustache", "a moustache"),
    "Narrow_Eyes": _yes_no(("{} with narrow eyes", "{} with squinting eyes"),
                           ("{} with wide eyes", "{} without narrow eyes", "{} with open eyes")),
    "No_Beard": _yes_no(("clean-shaven {}", "beardless {}", "{} without a beard",
                         "{} with no beard", "{} without facial hair"),
                        ("bearded {}", "{} with a beard", "{} who has a beard",
                         "{} with facial hair", "unshaven {}")),
    "Oval_Face": _with("an oval face"),
    "Pale_Skin": _yes_no(("{} with pale skin", "pale {}", "pale-skinned {}"),
                         ("{} without pale skin", "{} whose skin is not pale")),
    "Pointy_Nose": _with("a pointy nose", "a pointed nose"),
    "Receding_Hairline": _with("a receding hairline"),
    "Rosy_Cheeks": _with("rosy cheeks", "red cheeks"),
    "Sideburns": _with("sideburns"),
    "Smiling": _yes_no(("smiling {}", "{} with a smile", "{} who is smiling", "{} who smiles",
                        "grinning {}"),
                       ("{} who is not smiling", "unsmiling {}", "{} without a smile",
                        "serious {}")),
    "Straight_Hair": _with("straight hair"),
    "Wavy_Hair": _with("wavy hair", "curly hair"),
    "Wearing_Earrings": _wears("earrings"),
    "Wearing_Hat": _wears("a hat", "a cap"),
    "Wearing_Lipstick": _wears("lipstick"),
    "Wearing_Necklace": _wears("a necklace"),
    "Wearing_Necktie": _wears("a necktie", "a tie"),
    "Young": _yes_no(("young {}", "youthful {}", "{} who is young"),
                     ("older {}", "{} who is not young", "{} no longer young")),
}  # fmt: skip

GROUPS: Mapping[str, Wordings] = {
    "age": AGE, "gender": GENDER, "expression": EXPRESSION, "pose": POSE, "life": LIFE, **CELEBA,
}  # fmt: skip

# Nouns for what is known of (age or life stage, gender); "" is unknown.
NOUNS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("", ""): ("person", "person", "person", "human", "face", "individual"),
    ("", "male"): ("man", "man", "male", "guy", "gentleman"),
    ("", "female"): ("woman", "woman", "female", "lady"),
    ("0-10", ""): ("child", "kid", "little child"),
    ("0-10", "male"): ("boy", "little boy", "male child"),
    ("0-10", "female"): ("girl", "little girl", "female child"),
    ("10-30", ""): ("young person", "young adult"),
    ("10-30", "male"): ("young man", "young guy", "young male"),
    ("10-30", "female"): ("young woman", "young lady", "young female"),
    ("30-50", ""): ("middle-aged person", "person in middle age"),
    ("30-50", "male"): ("middle-aged man",),
    ("30-50", "female"): ("middle-aged woman",),
    ("50-100", ""): ("old person", "elderly person", "senior citizen"),
    ("50-100", "male"): ("old man", "elderly man", "grandfather"),
    ("50-100", "female"): ("old woman", "elderly woman", "grandmother"),
    ("baby", ""): ("baby", "infant", "toddler"),
    ("child", ""): ("child", "kid", "schoolchild"),
    ("child", "male"): ("boy", "schoolboy"),
    ("child", "female"): ("girl", "schoolgirl"),
    ("teenager", ""): ("teenager", "teen", "adolescent"),
    ("teenager", "male"): ("teenage boy",),
    ("teenager", "female"): ("teenage girl",),
    ("adult", ""): ("adult", "grown-up"),
    ("senior", ""): ("senior", "pensioner", "grandparent"),
}

TEMPLATES = (
    "a photo of {}", "a photo of {}", "a photo of {}", "{}", "a picture of {}", "a portrait of {}",
    "an image of {}", "a close-up of {}", "the face of {}", "a photograph of {}", "{} in a photo",
    "a cropped photo of {}", "this is {}",
)  # fmt: skip

# Wordings that training never shows: they measure what the text tower makes of new sentences.
HELD_OUT_TEMPLATES = ("a cropped portrait of {}", "this is a picture of {}", "{} in a portrait")
HELD_OUT: Mapping[str, Wordings] = {
    "age": dict.fromkeys(AGE, ("{} of the age of # years", "# years old {}")),
    "gender": {"male": ("{} that is a male",), "female": ("{} that is a female",)},
    "expression": {
        "happy": ("{} looking happy", "{} who is full of happiness"),
        "sad": ("{} looking sad", "{} who is full of sadness"),
        "neutral": ("{} looking neutral", "{} with no expression"),
        "surprise": ("{} looking surprised", "{} who is full of surprise"),
        "fear": ("{} looking scared", "{} who is full of fear"),
        "disgust": ("{} looking disgusted", "{} who is full of disgust"),
        "anger": ("{} looking angry", "{} who is full of anger"),
    },
    "pose": {
        "frontal": ("{} with the face to the front", "{} seen in front view"),
        "profile": ("{} with the face to the side", "{} seen in profile view"),
    },
    "Eyeglasses": {"yes": ("{} that has glasses",), "no": ("{} that has no glasses",)},
    "Smiling": {"yes": ("{} that has a smile",), "no": ("{} that has no smile",)},
    "No_Beard": {"yes": ("{} that has no beard",), "no": ("{} that has a beard",)},
    "Wearing_Hat": {"yes": ("{} that has a hat",), "no": ("{} that has no hat",)},
}
