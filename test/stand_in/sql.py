"""The few statements of GoogleSQL that the stand-in runs, read by sqlglot's BigQuery dialect."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from stand_in.errors import invalid_query, unsupported
from stand_in.schema import LEGACY_NAME
from stand_in.values import read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

STANDARD_NAME = {legacy: standard for standard, legacy in LEGACY_NAME.items()} | {"NUMERIC": "NUMERIC"}
COERCED = {  # what a value of a type also may become without a cast; conversion rules of GoogleSQL
    "INTEGER": {"NUMERIC", "BIGNUMERIC", "FLOAT"},
    "NUMERIC": {"BIGNUMERIC", "FLOAT"},
    "BIGNUMERIC": {"FLOAT"},
    "DATE": {"DATETIME"},
}
COERCED_LITERALS = {"STRING": {"DATE", "DATETIME", "TIME", "TIMESTAMP"}, "FLOAT": {"NUMERIC", "BIGNUMERIC"}}


@dataclass(frozen=True)
class Value:
    """A typed value; kind is a type's stored name, ARRAY or STRUCT."""

    kind: str
    value: object
    literal: bool = False  # literals and parameters convert to more types than other expressions
    element: Value | None = None  # of an ARRAY: what each item is like
    fields: Mapping[str, Value] = field(default_factory=dict)  # of a STRUCT

    def named(self) -> str:
        """Return the type as GoogleSQL spells it."""
        if self.kind == "ARRAY" and self.element:
            return f"ARRAY<{self.element.named()}>"
        if self.kind == "STRUCT":
            return f"STRUCT<{', '.join(f'{name} {item.named()}' for name, item in self.fields.items())}>"
        return STANDARD_NAME.get(self.kind, self.kind)


NULL = Value("NULL", None, literal=True)
DEFAULT = Value("DEFAULT", None)


@dataclass(frozen=True)
class Insert:
    """INSERT INTO table (columns) VALUES … or SELECT …, with one list of expressions a row."""

    table: str
    columns: tuple[str, ...] | None
    rows: tuple[tuple[exp.Expr, ...], ...]
    from_select: bool


@dataclass(frozen=True)
class Select:
    """SELECT COUNT(*), * or columns FROM table, or SELECT of expressions alone."""

    table: str | None
    columns: tuple[str, ...] = ()  # none: all of them
    count_as: str | None = None
    expressions: tuple[tuple[str, exp.Expr], ...] = ()
    limit: int | None = None


@lru_cache(maxsize=256)
def parse(text: str) -> Insert | Select:
    """Return the statement, or raise what BigQuery says of one that is none."""
    try:
        statements = [each for each in sqlglot.parse(text, dialect="bigquery") if each is not None]
    except SqlglotError as error:
        raise invalid_query(f"Syntax error: {str(error).splitlines()[0]}") from None
    if len(statements) != 1:
        raise unsupported(f"{len(statements)} statements in one query")
    statement = statements[0]
    if isinstance(statement, exp.Insert):
        return _insert(statement)
    if isinstance(statement, exp.Select):
        return _select(statement)
    if isinstance(statement, exp.Query | exp.DDL | exp.DML | exp.Command | exp.Drop):
        raise unsupported(f"{type(statement).__name__} statements")
    raise invalid_query(f"Syntax error: Unexpected {type(statement).__name__}")


def _insert(statement: exp.Insert) -> Insert:
    target, source = statement.this, statement.expression
    columns = None
    if isinstance(target, exp.Schema):
        columns = tuple(identifier.name for identifier in target.expressions)
        target = target.this
    if isinstance(source, exp.Values):
        rows = tuple(
            tuple(row.expressions) if isinstance(row, exp.Tuple) else (row.unnest(),) for row in source.expressions
        )
        return Insert(_table_name(target), columns, rows, from_select=False)
    if isinstance(source, exp.Select) and not set(_clauses(source)) - {"expressions"}:
        row = tuple(each.unalias() for each in source.expressions)
        return Insert(_table_name(target), columns, (row,), from_select=True)
    raise unsupported("INSERT from anything but VALUES or a SELECT of expressions")


def _select(statement: exp.Select) -> Select:
    extra = set(_clauses(statement)) - {"expressions", "from_", "from", "limit"}
    if extra:
        raise unsupported(f"SELECT with {', '.join(sorted(extra))}")
    limit = statement.args.get("limit")
    at_most = int(limit.expression.name) if limit else None
    source = statement.args.get("from_") or statement.args.get("from")
    chosen = statement.expressions
    if source is None:
        named = tuple((each.alias or f"f{number}_", each.unalias()) for number, each in enumerate(chosen))
        return Select(None, expressions=named, limit=at_most)
    table = _table_name(source.this)
    if len(chosen) == 1 and isinstance(chosen[0].unalias(), exp.Count):
        return Select(table, count_as=chosen[0].alias or "f0_", limit=at_most)
    if len(chosen) == 1 and isinstance(chosen[0], exp.Star):
        return Select(table, limit=at_most)
    if all(isinstance(each, exp.Column) for each in chosen):
        return Select(table, columns=tuple(each.name for each in chosen), limit=at_most)
    raise unsupported("SELECT of expressions from a table")


def _clauses(statement: exp.Select) -> list[str]:
    return [name for name, value in statement.args.items() if value]


def _table_name(target: exp.Expr) -> str:
    if not isinstance(target, exp.Table):
        raise unsupported("anything but a table after INTO or FROM")
    return ".".join(part.name for part in target.parts)


class Evaluator:
    """Works out expressions with the parameters of one query."""

    def __init__(self, parameters: Sequence[dict[str, Any]], now: datetime) -> None:
        self._now = now
        self._named = {each["name"].casefold(): each for each in parameters if each.get("name")}
        self._positional = iter([each for each in parameters if not each.get("name")])
        self._known: dict[type[exp.Expr], Callable[[Any], Value]] = {
            exp.Parameter: lambda each: self._parameter(each.name),
            exp.Placeholder: lambda _: self._next_parameter(),
            exp.ParseJSON: self._parse_json,
            exp.Literal: _literal,
            exp.Null: lambda _: NULL,
            exp.Boolean: lambda each: Value("BOOLEAN", each.this, literal=True),
            exp.Paren: lambda each: self.value(each.this),
            exp.CurrentTimestamp: lambda _: Value("TIMESTAMP", self._now),
            exp.Timestamp: lambda each: _cast(self.value(each.this), "TIMESTAMP", safe=False),
            exp.Cast: self._cast,
            exp.Neg: self._negative,
            exp.Array: self._array,
            exp.Var: self._variable,
            exp.Column: self._column,
        }

    def value(self, expression: exp.Expr) -> Value:
        """Return the value of an expression, if it is one of the few that are known."""
        for kind, evaluate in self._known.items():
            if isinstance(expression, kind):
                return evaluate(expression)
        raise unsupported(f"the expression {expression.sql(dialect='bigquery')}")

    def _array(self, expression: exp.Array) -> Value:
        items = [self.value(each) for each in expression.expressions]
        return Value("ARRAY", items, literal=True, element=items[0] if items else None)

    def _negative(self, expression: exp.Neg) -> Value:
        number = self.value(expression.this)
        if not isinstance(number.value, int | float):
            raise invalid_query("Operand for - must be a number")
        return Value(number.kind, -number.value, literal=number.literal)

    def _cast(self, expression: exp.Cast) -> Value:
        return _cast(self.value(expression.this), _kind_of(expression.to), safe=isinstance(expression, exp.TryCast))

    def _variable(self, expression: exp.Var) -> Value:
        if expression.name.upper() == "DEFAULT":
            return DEFAULT
        raise invalid_query(f"Unrecognized name: {expression.name}")

    def _column(self, expression: exp.Column) -> Value:
        raise invalid_query(f"Unrecognized name: {expression.name}")

    def _parse_json(self, expression: exp.ParseJSON) -> Value:
        text = self.value(expression.this)
        if text.value is None:
            return Value("JSON", None)
        if not isinstance(text.value, str):
            raise invalid_query(f"No matching signature for function PARSE_JSON for argument types: {text.named()}.")
        try:
            return Value("JSON", json.loads(text.value))
        except ValueError:
            raise invalid_query(f"Invalid input to PARSE_JSON: {text.value[:100]}") from None

    def _parameter(self, name: str) -> Value:
        if name.casefold() not in self._named:
            raise invalid_query(f"Query parameter '{name}' not found")
        given = self._named[name.casefold()]
        return parameter(name, given.get("parameterType") or {}, given.get("parameterValue") or {})

    def _next_parameter(self) -> Value:
        given = next(self._positional, None)
        if given is None:
            raise invalid_query("Positional parameter not found")
        return parameter("", given.get("parameterType") or {}, given.get("parameterValue") or {})


def parameter(name: str, kind: dict[str, Any], value: dict[str, Any]) -> Value:
    """Return a query parameter, whose scalars all travel as text."""
    spelled = str(kind.get("type", "")).upper()
    legacy = LEGACY_NAME.get(spelled, spelled)
    if spelled == "ARRAY":
        given = value.get("arrayValues") or []
        items = [parameter(name, kind["arrayType"], item) for item in given]
        like = parameter(name, kind["arrayType"], {})
        return Value("ARRAY", items, literal=True, element=like)
    if spelled == "STRUCT":
        given = value.get("structValues") or {}
        fields = {
            each["name"]: parameter(name, each["type"], given.get(each["name"], {})) for each in kind["structTypes"]
        }
        return Value("STRUCT", fields if "structValues" in value else None, literal=True, fields=fields)
    text = value.get("value")
    if text is None:
        return Value(legacy, None, literal=True)
    try:
        if legacy == "JSON":
            return Value(legacy, json.loads(text), literal=True)
        return Value(legacy, read(legacy, text), literal=True)
    except ValueError:
        raise invalid_query(f"Invalid value for query parameter '{name}': {text[:100]} is no {spelled}") from None


def coerce(value: Value, kind: str) -> Value | None:
    """Return value as the type kind if BigQuery converts it by itself, else nothing."""
    if value.kind in {kind, "NULL"}:
        return Value(kind, value.value, literal=value.literal)
    allowed = COERCED.get(value.kind, set()) | (COERCED_LITERALS.get(value.kind, set()) if value.literal else set())
    return _cast(value, kind, safe=False) if kind in allowed else None


def _literal(expression: exp.Literal) -> Value:
    if expression.is_string:
        return Value("STRING", expression.this, literal=True)
    number = expression.this
    if number.isdigit():
        return Value("INTEGER", int(number), literal=True)
    return Value("FLOAT", float(number), literal=True)


def _kind_of(to: exp.DataType) -> str:
    spelled = to.sql(dialect="bigquery").split("(")[0].upper()
    return LEGACY_NAME.get(spelled, spelled)


def _cast(value: Value, kind: str, *, safe: bool) -> Value:
    if value.value is None:
        return Value(kind, None)
    if kind == "STRING" and isinstance(value.value, str | int | float | bool):
        text = str(value.value).lower() if isinstance(value.value, bool) else str(value.value)
        return Value(kind, text)
    if kind in {"JSON", "ARRAY", "STRUCT"} and value.kind != kind:
        raise invalid_query(f"Invalid cast from {value.named()} to {kind}")
    try:
        source = value.value if isinstance(value.value, str | int | float) else str(value.value)
        return Value(kind, read(kind, source))
    except ValueError:
        if safe:
            return Value(kind, None)
        raise invalid_query(f'Could not cast literal "{value.value}" to type {STANDARD_NAME.get(kind, kind)}') from None
