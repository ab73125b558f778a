"""The part of Go's text/template that container profiles use."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

__all__ = ["Value", "render"]

Value = bool | int | str | Sequence[str]

_ACTION = re.compile(r"\{\{(-?)\s*(.*?)\s*(-?)\}\}")


def render(template: str, values: Mapping[str, Value]) -> str:
    """Fill a template in: fields, ``if``, ``else``, ``range``, ``end`` and trimming.

    ``ValueError`` for anything else, so that nothing is left out unseen.
    """
    texts, actions, position, trim = [], [], 0, ""
    for match in _ACTION.finditer(template):
        text = template[position : match.start()]
        text = text.lstrip() if trim else text
        texts.append(text.rstrip() if match[1] else text)
        actions.append(match[2])
        position, trim = match.end(), match[3]
    texts.append(template[position:].lstrip() if trim else template[position:])

    def section(index: int, scope: Mapping[str, Value], live: bool) -> tuple[str, int]:
        """The text from behind action ``index - 1`` to the action that ends the section."""
        out = texts[index] if live else ""
        while index < len(actions):
            action = actions[index]
            if action in ("else", "end"):
                return out, index
            keyword, _, rest = action.partition(" ")
            if keyword == "if":
                holds = _holds(rest, scope)
                text, index = section(index + 1, scope, live and holds)
                if actions[index] == "else":
                    other, index = section(index + 1, scope, live and not holds)
                    text += other
            elif keyword == "range":
                variable, field = rest.split(":=")
                items = scope[field.strip()]
                assert not isinstance(items, int | str), action
                start, text = index + 1, ""
                _, index = section(start, {**scope, variable.strip(): ""}, False)
                for item in items:
                    text += section(start, {**scope, variable.strip(): item}, live)[0]
            else:
                text = str(_value(action, scope)) if live else ""
            out += text + (texts[index + 1] if live else "")
            index += 1
        return out, index

    return section(0, {f".{name}": value for name, value in values.items()}, True)[0]


def _value(word: str, scope: Mapping[str, Value]) -> Value:
    if word.isdigit():
        return int(word)
    if word not in scope:
        raise ValueError(f"{word!r} is not known")
    return scope[word]


def _holds(condition: str, scope: Mapping[str, Value]) -> bool:
    match condition.split():
        case ["ge", left, right]:
            first, second = _value(left, scope), _value(right, scope)
            assert isinstance(first, int) and isinstance(second, int), condition
            return first >= second
        case ["not", word]:
            return not _value(word, scope)
        case [word]:
            return bool(_value(word, scope))
    raise ValueError(f"{condition!r} is not known")
