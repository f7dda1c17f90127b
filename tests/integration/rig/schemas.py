# SPDX-License-Identifier: BSD-2-Clause
"""The JSON Schemas of contrib/schema, for what the tool really prints."""
import glob
import json
import os

import jsonschema

HERE = os.path.dirname(os.path.abspath(__file__))
SCHEMAS = os.path.join(HERE, "..", "..", "..", "contrib", "schema")


def load_schemas():
    schemas = {}
    for path in glob.glob(os.path.join(SCHEMAS, "*.json")):
        with open(path) as file:
            schema = json.load(file)
        jsonschema.Draft7Validator.check_schema(schema)
        if "schema" in schema["properties"]:    # else it is not ours
            schemas[schema["properties"]["schema"]["const"]] = schema
    return schemas


ALL_SCHEMAS = load_schemas()


def validated(document):
    jsonschema.validate(document, ALL_SCHEMAS[document["schema"]])
    return document


def objects(result):
    """The objects a command printed, a line each, validated."""
    return [validated(json.loads(line)) for line in
            result.out.splitlines()]
