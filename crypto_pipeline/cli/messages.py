"""Every message that the pipeline can show a person, read from its code.

A message is what an error is made with, what a run logs as a warning or an error, what the command
line complains of, and why a file was left or failed. Its values are shown as ``…``. What only
passes on another message has none of its own.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import crypto_pipeline
from crypto_pipeline.model.sql import read_sql

VALUE = "…"
"""What stands for a value in a message."""

_PACKAGE = Path(crypto_pipeline.__file__).parent

_LETTERS = re.compile(r"[^\W\d_]{3}")
_CLASS = re.compile(r"_?[A-Z]")
_ERROR = re.compile(r"\w*(?:Error|Failure|Refused|Unread|Requested|Malformed\w+)")
_LOGS = ("log", "_log")

_MAKERS = {"_told": 0, "_denied": 0, "_not_whole": 2, "PydanticCustomError": 1}
"""Functions that make an error, by the place of the message among their arguments."""

_TELLERS = {"_behind", "looks_like", "_table", "not_what_was_loaded"}
"""Functions that return a message."""

_STATEMENTS = ("silver/staged_rows.sql", "history/evaluate.sql")
"""Statements that make messages: why a file failed as a whole."""


@dataclass(frozen=True)
class Message:
    """One message.

    Attributes:
        module: Where it is made: a module without the package's name, or a file of ``sql/``.
        text: Its text.
    """

    module: str
    text: str


@cache
def all_messages() -> tuple[Message, ...]:
    """Every message of the package, each once, by the modules' names."""
    found: dict[Message, None] = {}
    for module, tree in _modules():
        constants = _constants(tree)
        for expression in _expressions(tree):
            for text in _texts(expression, constants):
                found[Message(module, text)] = None
    for statement in _STATEMENTS:
        for text in re.findall(r"format\(\s*'([^']+)'", read_sql(statement)):
            found[Message(statement, text.replace("%s", VALUE))] = None
    return tuple(message for message in found if _LETTERS.search(message.text))


def arguments_of(module: str, function: str) -> list[list[tuple[str, ...]]]:
    """What a module calls a function with: of each call, the texts that each argument can be."""
    tree = _parsed(_PACKAGE.joinpath(*module.split(".")).with_suffix(".py"))
    constants = _constants(tree)
    return [
        [tuple(_texts(argument, constants)) for argument in node.args]
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _name(node.func) == function
    ]


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(_PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(_PACKAGE).with_suffix("").parts)
        yield module, _parsed(path)


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _constants(tree: ast.Module) -> dict[str, ast.expr]:
    """What a module has a name for."""
    return {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _expressions(tree: ast.Module) -> Iterator[ast.expr]:
    """The expressions that make a module's messages."""
    raised = {node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise)}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name in _TELLERS:
            yield from (
                told.value
                for told in ast.walk(node)
                if isinstance(told, ast.Return) and told.value is not None
            )
        if isinstance(node, ast.Assign) and _name(node.targets[0]) == "errors":
            yield from getattr(node.value, "elts", [])
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name, owner = _name(node.func), _owner(node.func)
        if name in _MAKERS:
            yield node.args[_MAKERS[name]]
        elif (
            (node in raised and _CLASS.match(name))
            or _ERROR.fullmatch(name)
            or (name in ("warning", "error") and owner in _LOGS)
            or (owner, name) in (("complaints", "print"), ("left", "append"))
        ):
            yield node.args[0]


def _name(expression: ast.expr) -> str:
    """The last part of a dotted name."""
    match expression:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _owner(expression: ast.expr) -> str:
    """The part before the last."""
    return _name(expression.value) if isinstance(expression, ast.Attribute) else ""


def _texts(expression: ast.expr, constants: dict[str, ast.expr]) -> Iterator[str]:
    """The texts that an expression can be, one each in one line."""
    for text in _raw_texts(expression, constants):
        # Neither Rich's markup nor two values side by side are part of what is said.
        yield re.sub(rf"{VALUE}+", VALUE, " ".join(re.sub(r"\[/?(?:red)?\]", "", text).split()))


def _raw_texts(expression: ast.expr, constants: dict[str, ast.expr]) -> Iterator[str]:
    match expression:
        case ast.Constant(value=str(text)):
            yield re.sub(r"%[sd]", VALUE, text)
        case ast.JoinedStr(values=pieces):
            yield "".join(_piece(piece, constants) for piece in pieces)
        case ast.Name(id=name) if name in constants:
            yield from _raw_texts(constants[name], {})
        case ast.IfExp(body=body, orelse=orelse):
            yield from _raw_texts(body, constants)
            yield from _raw_texts(orelse, constants)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            for text in _raw_texts(left, constants):
                yield from (text + more for more in _raw_texts(right, constants))
        case ast.BoolOp(values=values):
            for value in values:
                yield from _raw_texts(value, constants)
        case _:
            yield VALUE


def _piece(piece: ast.expr, constants: dict[str, ast.expr]) -> str:
    match piece:
        case ast.Constant(value=str(text)):
            return text
        case ast.FormattedValue(value=ast.Name(id=name)) if name in constants:
            return "".join(_raw_texts(constants[name], {}))
        case _:
            return VALUE
