"""Lets Schemathesis send JSON lines, which it would send as text if it knew the type."""

import schemathesis

schemathesis.serializer.alias("application/x-ndjson", "text/plain")
