"""Fonts from PyPI and a hand that sets text with them, for the example's picture and training pages."""

from __future__ import annotations

import importlib.util
import random
from functools import cache
from pathlib import Path

from PIL import ImageFont

# pip install font-roboto font-caladea font-source-serif-pro cvttf-notosanscjk-regular
LATIN = (
    "font_roboto/files/Roboto-Regular.ttf",
    "font_roboto/files/Roboto-Bold.ttf",
    "font_caladea/files/Caladea-Regular.ttf",
    "font_caladea/files/Caladea-Italic.ttf",
    "font_source_serif_pro/files/SourceSerifPro-Regular.ttf",
)
CJK = "cvttf_NotoSansCJK_Regular/NotoSansCJKtc-Regular.otf"

_ENGLISH = """
the of and to in is that for it was on are with as at be this have from or one had by word but not what all were when
your can said there use each which she how their will other about out many then them these some her would make like him
into time has look two more write see number way could people than first water been call who now find long down day did
get come made may part over total price order invoice date city street paid card thanks
""".split()  # noqa: SIM905
_CHINESE = (
    "天地人你我他大小多少上下左右前后今日明年店面茶水米饭肉鱼鸡蛋菜汤面包苹果香蕉合计金额收银员电话地址欢迎光临谢谢惠顾"
)
_JAPANESE = (
    "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわをん"
    "東京都駅前店領収書合計税込"
)


@cache
def font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """Return a font of an installed package, ``package/path/below/it``, at a size in pixels."""
    package, _, path = name.partition("/")
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"the font {name} is missing: pip install {package.replace('_', '-')}")
    return ImageFont.truetype(str(Path(spec.submodule_search_locations[0]) / path), size)


def words(rng: random.Random) -> tuple[str, str]:
    """Return the text of a random line and the font that has its glyphs."""
    kind = rng.random()
    if kind < 0.15:
        return "".join(rng.choices(_CHINESE, k=rng.randint(3, 18))), CJK
    if kind < 0.25:
        return "".join(rng.choices(_JAPANESE, k=rng.randint(3, 18))), CJK
    parts = rng.choices(_ENGLISH, k=rng.randint(1, 8))
    if rng.random() < 0.3:
        parts.append(f"{rng.uniform(0.5, 300):.2f}")
    text = " ".join(parts)
    return (text.capitalize() if rng.random() < 0.7 else text.upper()), rng.choice(LATIN)
