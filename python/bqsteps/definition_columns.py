"""The rules for the columns of a definition. Standard library only.

Sources: https://docs.cloud.google.com/bigquery/docs/reference/rest/v2/tables#TableFieldSchema, .../docs/schemas,
.../docs/nested-repeated#limitations, .../quotas#table_limits.
"""

from typing import TYPE_CHECKING, Final, NamedTuple

from bqsteps import names, vocabulary
from bqsteps.definition_values import Place, Problems, ValueRules, member_of
from bqsteps.json_positions import Member, Node, Scalar
from bqsteps.names import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TYPES_OF_KEY: Final = {
    "fields": ("RECORD",),
    "maxLength": ("STRING", "BYTES"),
    "precision": ("NUMERIC", "BIGNUMERIC"),
    "scale": ("NUMERIC", "BIGNUMERIC"),
    "roundingMode": ("NUMERIC", "BIGNUMERIC"),
    "collation": ("STRING",),
    "rangeElementType": ("RANGE",),
    "timestampPrecision": ("TIMESTAMP",),
}


class Column(NamedTuple):
    """What the rest of a definition needs to know of a column: could it serve as a partition or a cluster?"""

    name: str
    type: str | None
    mode: str


class SchemaRules(ValueRules):
    """The columns, with the fields of records."""

    def __init__(self, problems: Problems) -> None:
        super().__init__(problems)
        self._count = 0
        self._attributes: Mapping[str, Callable[[Node, Place], object]] = {
            "description": lambda node, at: self.short_text(node, at, vocabulary.MAX_FIELD_DESCRIPTION),
            "maxLength": lambda node, at: self.integer(node, at, 1),
            "timestampPrecision": self._timestamp_precision,
            "roundingMode": lambda node, at: self.word(
                node, at, vocabulary.ROUNDING_MODES, "rounding mode", any_case=False
            ),
            "collation": lambda node, at: self.word(node, at, vocabulary.COLLATIONS, "collation", any_case=False),
            "defaultValueExpression": self.some_text,
            "rangeElementType": self._range_element_type,
            "policyTags": self._policy_tags,
        }

    def check(self, node: Node, place: Place) -> dict[str, Column]:
        """Checks the columns and returns the top ones by their names in lower case."""
        columns = self._columns(node, place, above="", level=0)
        if self._count > vocabulary.MAX_COLUMNS:
            text = f"{self._count:,} columns, those in records included; at most {vocabulary.MAX_COLUMNS:,} are allowed"
            self.problems.add(node.line, place, text)
        return columns

    def _columns(self, node: Node, place: Place, above: str, level: int) -> dict[str, Column]:
        items = self.array(node, place)
        if items is not None and not items:
            self.problems.add(node.line, place, "a record needs fields" if above else "there are no columns")
        first: dict[str, Node] = {}
        columns = {}
        for index, item in enumerate(items or ()):
            self._count += 1
            column = self._column(item, place.item(index), above, level)
            if column is None:
                continue
            key = column.name.lower()
            if key in first:
                line = _line_of(first[key], "name")
                text = f"this name stands here twice (case does not matter), first on line {line}"
                at = place.item(index).key("name").of_column(_dotted(above, column.name))
                self.problems.add(_line_of(item, "name"), at, text)
            else:
                first[key] = item
                columns[key] = column
        return columns

    def _column(self, node: Node, place: Place, above: str, level: int) -> Column | None:
        name = _name_of(node)
        place = place.of_column(_dotted(above, name))
        required = ("name", "type")
        members = self.members(node, place, vocabulary.FIELD_KEYS, required, _explain_field_key)
        if "name" in members:
            self._name(members["name"].value, place.key("name"))
        written_type = self._type(members, place)
        mode = self._mode(members, place)
        if written_type:
            self._fits_type(members, place, written_type)
        if "fields" in members and written_type in (None, "RECORD"):
            self._fields(members["fields"], place, level)
        for key, member in members.items():
            check_attribute = self._attributes.get(key)
            if check_attribute:
                check_attribute(member.value, place.key(key))
        if level and "defaultValueExpression" in members:
            text = "only a top-level column takes a default; give the whole record one"
            self.problems.add(members["defaultValueExpression"].line, place.key("defaultValueExpression"), text)
        return Column(name, written_type, mode) if name else None

    def _name(self, node: Node, place: Place) -> None:
        name = self.text(node, place)
        for problem in names.check_column(name) if name is not None else ():
            self.problems.add(node.line, place, problem)

    def _type(self, members: dict[str, Member], place: Place) -> str | None:
        if "type" not in members:
            return None
        word = self.word(members["type"].value, place.key("type"), tuple(vocabulary.TYPES), "type")
        return vocabulary.TYPES[word] if word else None

    def _mode(self, members: dict[str, Member], place: Place) -> str:
        if "mode" not in members:
            return "NULLABLE"
        return self.word(members["mode"].value, place.key("mode"), vocabulary.MODES, "mode") or "NULLABLE"

    def _fields(self, member: Member, place: Place, level: int) -> None:
        if level >= vocabulary.MAX_RECORD_LEVELS:
            text = f"more than {vocabulary.MAX_RECORD_LEVELS} levels of records"
            self.problems.add(member.line, place.key("fields"), text)
            return
        self._columns(member.value, place.key("fields"), place.column, level + 1)

    def _fits_type(self, members: dict[str, Member], place: Place, written_type: str) -> None:
        """What only some types take, and what they need."""
        for key, member in members.items():
            types = _TYPES_OF_KEY.get(key)
            if types and written_type not in types:
                text = f"only a column of type {' or '.join(types)} takes this, not {written_type}"
                self.problems.add(member.line, place.key(key), text)
        for key, type_that_needs in (("fields", "RECORD"), ("rangeElementType", "RANGE")):
            if written_type == type_that_needs and key not in members:
                self.problems.add(members["type"].line, place, f"{key} is missing, which a {written_type} needs")
        if written_type in vocabulary.DECIMAL_DIGITS:
            self._digits(members, place, written_type)

    def _digits(self, members: dict[str, Member], place: Place, written_type: str) -> None:
        whole, fraction = vocabulary.DECIMAL_DIGITS[written_type]
        scale: int | None = 0
        if "scale" in members:
            scale = self.integer(members["scale"].value, place.key("scale"), 0, fraction)
            if "precision" not in members:
                self.problems.add(members["scale"].line, place.key("scale"), "needs a precision beside it")
        if "precision" in members:
            low, high = (1, whole + fraction) if scale is None else (max(1, scale), whole + scale)
            self.integer(members["precision"].value, place.key("precision"), low, high)

    def _timestamp_precision(self, node: Node, place: Place) -> None:
        allowed = (vocabulary.MICROSECONDS, vocabulary.PICOSECONDS)
        value = self.integer(node, place)
        if value is not None and value not in allowed:
            self.problems.add(node.line, place, f"must be {allowed[0]} or {allowed[1]}, not {value:,}")

    def _range_element_type(self, node: Node, place: Place) -> None:
        members = self.members(node, place, ("type",), ("type",))
        if "type" in members:
            self.word(members["type"].value, place.key("type"), vocabulary.RANGE_ELEMENT_TYPES, "type of range")

    def _policy_tags(self, node: Node, place: Place) -> None:
        members = self.members(node, place, ("names",))
        if "names" not in members:
            return
        tags = self.texts(members["names"].value, place.key("names"))
        if len(tags) > vocabulary.MAX_POLICY_TAGS:
            text = f"{len(tags)} policy tags; a column takes at most {vocabulary.MAX_POLICY_TAGS}"
            self.problems.add(members["names"].line, place.key("names"), text)


def _explain_field_key(key: str) -> str:
    if key in vocabulary.FIELD_KEYS_ELSEWHERE:
        return "is not managed here; leave it out, and what the table has stays as it is"
    return ""


def _name_of(node: Node) -> str:
    member = member_of(node, "name")
    value = member.value.value if member and isinstance(member.value, Scalar) else None
    return value if isinstance(value, str) else ""


def _line_of(node: Node, key: str) -> int:
    member = member_of(node, key)
    return member.line if member else node.line


def _dotted(above: str, name: str) -> str:
    """address.zip; a name that does not print as itself is shown in quotes."""
    written = name if name.isprintable() and len(name) <= names.MAX_COLUMN_NAME else shown(name)
    return f"{above}.{written or '?'}" if above else written
