"""The OpenAPI description of the interface, generated from its endpoints."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import mimocorb
from mimocorb.web.endpoints import Endpoint

__all__ = ["description"]

_TYPES = {int: "integer", str: "string"}
_TROUBLE = {
    "401": "a token is needed",
    "403": "this token, or this origin, may not do that",
    "421": "the page is not called like that",
}
_TROUBLE_OF_COMMANDS = {
    "409": "not possible now",
    "422": "what was sent is not right",
    "503": "the run does not answer",
    "504": "it did not come about in time",
}


def description(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """Return the description, version 3.1 of OpenAPI."""
    paths: dict[str, dict[str, Any]] = {}
    schemas: dict[str, Any] = {
        "Trouble": {
            "type": "object",
            "properties": {"error": {"type": "string"}},
            "required": ["error"],
        }
    }
    for endpoint in endpoints:
        if endpoint.body is not None:
            schemas[endpoint.body.__name__] = endpoint.body.model_json_schema()
        path = re.sub(r":\w+}", "}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "A run of mimocorb",
            "version": mimocorb.__version__,
            "description": "GET needs the viewer's token or the operator's, POST the operator's, "
            "in the header Authorization: Bearer TOKEN.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    in_path = re.findall(r"{(\w+)(?::(\w+))?}", endpoint.path)
    parameters = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "integer" if kind == "int" else "string"},
        }
        for name, kind in in_path
    ]
    parameters += [
        {"name": name, "in": "query", "schema": {"type": _TYPES[kind]}, "description": meaning}
        for name, (kind, meaning) in endpoint.query.items()
    ]
    troubles = _TROUBLE | (_TROUBLE_OF_COMMANDS if endpoint.method == "POST" or parameters else {})
    words = re.findall(r"\w+", re.sub(r"{.*?}", "", endpoint.path.removeprefix("/api")))
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Trouble"}}}
    operation: dict[str, Any] = {
        "operationId": "_".join([endpoint.method.lower(), *words, *(n for n, _ in in_path)]),
        "summary": endpoint.summary,
        "responses": {
            "200": {"description": endpoint.summary, "content": {endpoint.answer: {}}},
            **{code: {"description": why, "content": content} for code, why in troubles.items()},
        },
    }
    if parameters:
        operation["parameters"] = parameters
    if endpoint.body is not None:
        schema = {"$ref": f"#/components/schemas/{endpoint.body.__name__}"}
        operation["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    return operation
