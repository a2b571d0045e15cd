"""The words of BigQuery's Table resource: types and their spellings, modes, keys, limits. Standard library only.

Sources: https://docs.cloud.google.com/bigquery/docs/reference/rest/v2/tables (Table, TableFieldSchema) and
https://docs.cloud.google.com/bigquery/docs/reference/standard-sql/data-types.
"""

# Every spelling of a type, and the one that tables.get answers with.
TYPES = {
    "STRING": "STRING",
    "BYTES": "BYTES",
    "INTEGER": "INTEGER",
    "INT64": "INTEGER",
    "INT": "INTEGER",
    "SMALLINT": "INTEGER",
    "BIGINT": "INTEGER",
    "TINYINT": "INTEGER",
    "BYTEINT": "INTEGER",
    "FLOAT": "FLOAT",
    "FLOAT64": "FLOAT",
    "NUMERIC": "NUMERIC",
    "DECIMAL": "NUMERIC",
    "BIGNUMERIC": "BIGNUMERIC",
    "BIGDECIMAL": "BIGNUMERIC",
    "BOOLEAN": "BOOLEAN",
    "BOOL": "BOOLEAN",
    "TIMESTAMP": "TIMESTAMP",
    "DATE": "DATE",
    "TIME": "TIME",
    "DATETIME": "DATETIME",
    "INTERVAL": "INTERVAL",
    "GEOGRAPHY": "GEOGRAPHY",
    "JSON": "JSON",
    "RANGE": "RANGE",
    "RECORD": "RECORD",
    "STRUCT": "RECORD",
}
RANGE_ELEMENT_TYPES = ("DATE", "DATETIME", "TIMESTAMP")
MODES = ("NULLABLE", "REQUIRED", "REPEATED")
COLLATIONS = ("", "und:ci")
UNSPECIFIED_ROUNDING_MODE = "ROUNDING_MODE_UNSPECIFIED"
ROUNDING_MODES = (UNSPECIFIED_ROUNDING_MODE, "ROUND_HALF_AWAY_FROM_ZERO", "ROUND_HALF_EVEN")
MICROSECONDS = 6
PICOSECONDS = 12

FIELD_KEYS = (
    "name",
    "type",
    "mode",
    "description",
    "fields",
    "maxLength",
    "precision",
    "scale",
    "roundingMode",
    "collation",
    "defaultValueExpression",
    "rangeElementType",
    "policyTags",
    "timestampPrecision",
)
# What a field has in the API beyond that: known, so that the message can say more than "unknown".
FIELD_KEYS_ELSEWHERE = (
    "categories",
    "dataPolicies",
    "dataGovernanceTagsInfo",
    "foreignTypeDefinition",
    "generatedColumn",
    "nameAlternative",
)
TABLE_KEYS = (
    "tableReference",
    "description",
    "friendlyName",
    "labels",
    "schema",
    "timePartitioning",
    "rangePartitioning",
    "clustering",
    "requirePartitionFilter",
    "encryptionConfiguration",
)
TABLE_KEYS_SET_BY_BIGQUERY = (
    "kind",
    "etag",
    "id",
    "selfLink",
    "type",
    "location",
    "creationTime",
    "lastModifiedTime",
    "streamingBuffer",
    "numBytes",
    "numPhysicalBytes",
    "numLongTermBytes",
    "numRows",
    "numPartitions",
    "numTotalLogicalBytes",
    "numActiveLogicalBytes",
    "numLongTermLogicalBytes",
    "numTotalPhysicalBytes",
    "numActivePhysicalBytes",
    "numLongTermPhysicalBytes",
    "numTimeTravelPhysicalBytes",
    "numCurrentPhysicalBytes",
    "snapshotDefinition",
    "cloneDefinition",
    "replicas",
    "restrictions",
    "managedTableType",
)
TABLE_KEYS_ELSEWHERE = (
    "expirationTime",
    "defaultCollation",
    "defaultRoundingMode",
    "view",
    "materializedView",
    "materializedViewStatus",
    "externalDataConfiguration",
    "biglakeConfiguration",
    "externalCatalogTableOptions",
    "tableConstraints",
    "tableReplicationInfo",
    "partitionDefinition",
    "resourceTags",
    "maxStaleness",
    "model",
)

PARTITION_UNITS = ("HOUR", "DAY", "MONTH", "YEAR")
TIME_PARTITION_TYPES = ("DATE", "TIMESTAMP", "DATETIME")
CLUSTERING_TYPES = (
    "BIGNUMERIC",
    "BOOLEAN",
    "DATE",
    "DATETIME",
    "GEOGRAPHY",
    "INTEGER",
    "NUMERIC",
    "RANGE",
    "STRING",
    "TIMESTAMP",
)

MAX_COLUMNS = 10_000
MAX_RECORD_LEVELS = 15
MAX_PARTITIONS = 10_000
MAX_CLUSTERING_COLUMNS = 4
MAX_POLICY_TAGS = 1
MAX_LABELS = 64
MAX_FIELD_DESCRIPTION = 1024
MAX_TABLE_DESCRIPTION = 16_384
MAX_INT64 = 2**63 - 1

# Digits before and after the decimal point.
DECIMAL_DIGITS = {"NUMERIC": (29, 9), "BIGNUMERIC": (38, 38)}
