"""Formulas as MathML, which browsers draw: Sphinx's own ways load a script, or need LaTeX.

Those between dollars are TeX; others stand in sentences as they are typed, and are found there.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from line_breaks import in_parts
from sphinx.addnodes import desc_signature
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

from latephase.draw.panels import typeset

_AS_IT_IS = (nodes.literal, nodes.FixedTextElement, nodes.Invisible, nodes.math, nodes.raw)
_AS_IT_IS += (desc_signature,)
_LINKED_CODE = "code_links_block"  # of the gallery: code in parts, some of which are links


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_html_math_renderer("mathml", (_inline, None), (_display, None))
    app.add_post_transform(Typeset)
    app.connect("html-page-context", _check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _inline(translator: Any, node: nodes.math) -> None:
    translator.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def _display(translator: Any, node: nodes.math_block) -> None:
    shown = in_parts(tex2mathml(node.astext(), as_block=True))
    translator.body.append(f'<div class="math" tabindex="0">{shown}</div>\n')
    raise nodes.SkipNode


def _check(_app: Sphinx, page: str, _template: str, context: dict[str, Any], _tree: Any) -> None:
    """Code in which formulas were seen, or text with line breaks written out, ends the build."""
    body = context.get("body", "")
    for wrong in (r'<div class="highlight(?:(?!</div>).)*<math', r"<p>[^<]*\\n"):
        if found := re.search(wrong, body, re.S):
            raise RuntimeError(f"formulas are drawn wrongly on {page}: ...{found[0][-80:]}")


class Typeset(SphinxPostTransform):
    """Formulas, powers and indices in running text as in the report."""

    default_priority = 900
    formats = ("html",)

    def run(self, **_: Any) -> None:
        """Called by Sphinx, for each page."""
        for text in list(self.document.findall(nodes.Text)):
            if not _stands_in(text, _AS_IT_IS):
                marked = typeset.html(text.astext().replace("\n", " "))
                if "<" in marked:
                    text.parent.replace(text, nodes.raw("", marked, format="html"))
        for block in list(self.document.findall(nodes.literal_block)):
            lines = list(map(_columns, block.astext().splitlines()))
            if block.get("language") == "none" and all("<math>" in line for line in lines):
                shown = f'<div class="formulas" tabindex="0">{"".join(lines)}</div>'
                block.parent.replace(block, nodes.raw("", shown, format="html"))


def _stands_in(node: nodes.Node, kinds: tuple[type[nodes.Node], ...]) -> bool:
    while node.parent is not None:
        node = node.parent
        if isinstance(node, kinds) or node.tagname == _LINKED_CODE:
            return True
    return False


def _columns(line: str) -> str:
    """A line of formulas; what stands far apart in it may come below one another."""
    parts = re.split(" {3,}", line.strip())
    return f"<p>{''.join(f'<span>{typeset.html(part)}</span>' for part in parts)}</p>"
