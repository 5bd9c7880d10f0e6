"""Markdown of one place read in another: what its links become on the site.

On a host of repositories a page may link to any file. The site has pages for some of them only;
other files are named in code type instead, so that no link of the site leads nowhere.
"""

from __future__ import annotations

import posixpath
import re

# Files of the root that are pages of the site.
PAGES = {
    "README.md": "docs/generated/start.md",
    "ARCHITECTURE.md": "docs/generated/architecture.md",
    "CONTRIBUTING.md": "docs/generated/contributing.md",
    "CHANGELOG.md": "docs/generated/changelog.md",
}

_FENCED = re.compile(r"^(```.*?^```$)", re.M | re.S)
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
_CITED = re.compile(r"(?<![\w`\]])\[([^\[\]]*\b[a-z]{2,}(?:19|20)\d\d\b[^\[\]]*)\](?![(\[])")
_KEY = re.compile(r"\b([a-z]{2,}(?:19|20)\d\d)\b")
_PICTURE = re.compile(r"<picture>(.*?)</picture>", re.S)


def moved(text: str, written: str, shown: str) -> str:
    """Markdown of the file `written` as it must stand in `shown`, both from the root."""
    parts = _FENCED.split(text)  # what is fenced stands at odd places
    parts[::2] = [_outside_of_fences(part, written, shown) for part in parts[::2]]
    return "".join(parts)


def _outside_of_fences(text: str, written: str, shown: str) -> str:
    text = _PICTURE.sub(_both_schemes, text)
    text = _CITED.sub(_cited, text)
    return _LINK.sub(lambda found: _link(found, written, shown), text)


def _link(found: re.Match[str], written: str, shown: str) -> str:
    picture, words, target = found.groups()
    path, hash_, anchor = target.partition("#")
    if "://" in path or not path:
        return found[0]
    file = posixpath.normpath(posixpath.join(posixpath.dirname(written), path))
    page = PAGES.get(file, file)
    if not page.startswith("docs/"):
        return f"`{file}`" if words in (file, file.split("/")[-1]) else f"{words} (`{file}`)"
    return f"{picture}[{words}]({_from(shown, page)}{hash_}{anchor})"


def _from(shown: str, page: str) -> str:
    return posixpath.relpath(page, posixpath.dirname(shown))


def _cited(found: re.Match[str]) -> str:
    """The keys in square brackets, each a link to its label in the bibliography."""
    return f"[{_KEY.sub(lambda key: f'[{key[1]}](#{key[1]})', found[1])}]"


def _both_schemes(found: re.Match[str]) -> str:
    """A picture that follows the reader's scheme by itself, as two that the theme shows one of."""
    inside = found[1]
    dark = re.search(r'srcset="([^"]+)"', inside)
    light = re.search(r'src="([^"]+)"', inside)
    words = re.search(r'alt="([^"]+)"', inside)
    if not (dark and light and words):
        raise ValueError(f"a <picture> of a light and a dark file with an alt, not {inside!r}")
    pair = (("light", light[1]), ("dark", dark[1]))
    return "\n".join(f"![{words[1]}]({file}){{.only-{scheme}}}" for scheme, file in pair)
