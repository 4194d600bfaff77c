"""The Azure templates: what they say among themselves, and what Microsoft's schemas say of them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlfluff
from referencing import Registry
from referencing.jsonschema import DRAFT4

FOLDER = Path(__file__).parents[1] / "automation" / "azure"
TEMPLATE: dict[str, Any] = json.loads((FOLDER / "data_factory.json").read_text(encoding="utf-8"))
RESOURCES: list[dict[str, Any]] = TEMPLATE["resources"]
ENVIRONMENTS = ["parameters.dev.json", "parameters.prod.json"]
SCHEMAS = Path(__file__).parents[2] / "shared" / "data" / "azure" / "schemas"
_SCHEMA_ROOT = "https://schema.management.azure.com/schemas/"


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    """The factory's resources of a kind: name to properties."""
    return {
        resource["name"].rpartition("/")[2].removesuffix("')]"): resource["properties"]
        for resource in RESOURCES
        if resource["type"] == f"Microsoft.DataFactory/factories/{kind}"
    }


LINKED_SERVICES = of_type("linkedservices")
((PIPELINE_NAME, PIPELINE),) = of_type("pipelines").items()
((_, TRIGGER),) = of_type("triggers").items()
ACTIVITIES: dict[str, dict[str, Any]] = {a["name"]: a for a in PIPELINE["activities"]}


def texts(node: object) -> Iterator[str]:
    """Every text in a JSON value, keys included."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield key
            yield from texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from texts(value)
    elif isinstance(node, str):
        yield node


def names(node: object) -> Iterator[str]:
    """Every property name in a JSON value."""
    if isinstance(node, dict):
        yield from node
    for value in (
        node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    ):
        yield from names(value)


def expressions() -> Iterator[str]:
    """The template's own expressions, which stand in brackets."""
    return (t for t in texts(TEMPLATE) if t.startswith("[") and not t.startswith("[["))


def test_the_procedure_runs_after_the_notebook_has_succeeded() -> None:
    assert {name: a["type"] for name, a in ACTIVITIES.items()} == {
        "build_star_schema": "DatabricksNotebook",
        "record_gold_load": "SqlServerStoredProcedure",
    }
    assert "dependsOn" not in ACTIVITIES["build_star_schema"]
    assert ACTIVITIES["record_gold_load"]["dependsOn"] == [
        {"activity": "build_star_schema", "dependencyConditions": ["Succeeded"]}
    ]
    # Runs are serialised, as loads must be.
    assert PIPELINE["concurrency"] == 1


def test_the_notebook_gets_the_widgets_it_has() -> None:
    given = ACTIVITIES["build_star_schema"]["typeProperties"]["baseParameters"]
    assert set(given) == {"raw_input_path", "catalog", "schema"}
    assert TEMPLATE["parameters"]["notebookPath"]["defaultValue"].endswith(
        "/crypto_star_schema_pipeline"
    )


def test_every_reference_names_what_exists() -> None:
    for activity in ACTIVITIES.values():
        reference = activity["linkedServiceName"]
        assert reference["type"] == "LinkedServiceReference"
        assert reference["referenceName"] in LINKED_SERVICES
    for name in re.findall(r"parameters\.(\w+)", json.dumps(PIPELINE["activities"])):
        assert name in PIPELINE["parameters"]
    for name in re.findall(r"activity\('(\w+)'\)", json.dumps(PIPELINE["activities"])):
        assert name in ACTIVITIES
    (started,) = TRIGGER["pipelines"]
    assert started["pipelineReference"]["referenceName"] == PIPELINE_NAME
    required = {n for n, p in PIPELINE["parameters"].items() if "defaultValue" not in p}
    assert set(started["parameters"]) == required

    used = " ".join(expressions())
    assert set(re.findall(r"parameters\('(\w+)'\)", used)) == set(TEMPLATE["parameters"])
    assert set(re.findall(r"variables\('(\w+)'\)", used)) == set(TEMPLATE["variables"])
    for expression in expressions():
        assert expression.endswith("]"), expression
        assert expression.count("(") == expression.count(")"), expression
        assert expression.count("'") % 2 == 0, expression


def test_resources_wait_for_what_they_refer_to() -> None:
    waits = {
        re.findall(r"'/(\w+)'", resource["name"])[0]: [
            name
            for dependency in resource["dependsOn"]
            for name in re.findall(r", '(\w+)'\)\]$", dependency)
        ]
        for resource in RESOURCES
        if "/factories/" in resource["type"]
    }
    assert waits == {
        "key_vault": [],
        "databricks": [],
        "serving_database": ["key_vault"],
        "crypto_star_schema": ["databricks", "serving_database"],
        "hourly": ["crypto_star_schema"],
    }


def test_identities_sign_in_and_no_secret_is_written_down() -> None:
    (factory,) = [r for r in RESOURCES if r["type"] == "Microsoft.DataFactory/factories"]
    assert factory["identity"] == {"type": "SystemAssigned"}
    databricks = LINKED_SERVICES["databricks"]["typeProperties"]
    assert databricks["authentication"] == "MSI"
    assert LINKED_SERVICES["serving_database"]["typeProperties"] == {
        "connectionString": {
            "type": "AzureKeyVaultSecret",
            "store": {"referenceName": "key_vault", "type": "LinkedServiceReference"},
            "secretName": "[parameters('sqlConnectionSecretName')]",
        }
    }
    assert set(LINKED_SERVICES["key_vault"]["typeProperties"]) == {"baseUrl"}
    keys = {text.lower() for text in texts(TEMPLATE)}
    assert keys.isdisjoint(
        {"password", "accesstoken", "accountkey", "encryptedcredential", "serviceprincipalkey"}
    )
    kinds = {parameter["type"].lower() for parameter in TEMPLATE["parameters"].values()}
    assert kinds <= {"string", "int"}


def test_the_trigger_is_hourly_in_utc() -> None:
    assert TRIGGER["type"] == "ScheduleTrigger"
    recurrence = TRIGGER["typeProperties"]["recurrence"]
    assert (recurrence["frequency"], recurrence["interval"]) == ("Hour", 1)
    assert recurrence["timeZone"] == "UTC"
    assert recurrence["schedule"] == {"minutes": [15]}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_gives_what_has_no_default(name: str) -> None:
    given = json.loads((FOLDER / name).read_text(encoding="utf-8"))["parameters"]
    declared = TEMPLATE["parameters"]
    assert set(given) <= set(declared)
    assert {n for n, p in declared.items() if "defaultValue" not in p} <= set(given)
    for parameter, value in given.items():
        kind = {"string": str, "int": int}[declared[parameter]["type"]]
        assert type(value["value"]) is kind, parameter
        assert declared[parameter].get("minLength", 0) <= len(str(value["value"]))
        assert len(str(value["value"])) <= declared[parameter].get("maxLength", 1_000)


def test_the_stored_procedure_has_the_parameters_it_is_given() -> None:
    text = (FOLDER / "serving_database.sql").read_text(encoding="utf-8")
    (name, signature) = re.findall(
        r"CREATE OR ALTER PROCEDURE ([\w.]+)\n(.*?)\nAS\n", text, re.DOTALL
    )[0]
    call = ACTIVITIES["record_gold_load"]["typeProperties"]
    # A doubled bracket at the start is one, and no expression.
    assert call["storedProcedureName"].removeprefix("[") == "[" + name.replace(".", "].[") + "]"
    types = dict(re.findall(r"@(\w+) (\w+)", signature))
    assert {n: p["type"] for n, p in call["storedProcedureParameters"].items()} == {
        n: {"datetime2": "DateTime", "uniqueidentifier": "Guid", "nvarchar": "String"}[t]
        for n, t in types.items()
    }


def test_the_database_script_parses() -> None:
    text = (FOLDER / "serving_database.sql").read_text(encoding="utf-8")
    assert sqlfluff.parse(text, dialect="tsql")


@pytest.mark.skipif(not SCHEMAS.is_dir(), reason=f"no schemas of Microsoft's in {SCHEMAS}")
@pytest.mark.parametrize(
    "resource",
    [r for r in RESOURCES if r["type"].startswith("Microsoft.DataFactory/")],
    ids=lambda r: r["name"],
)
def test_a_resource_is_valid_by_microsofts_schema(resource: dict[str, Any]) -> None:
    # It takes seconds to import.
    import jsonschema

    schema = json.loads((SCHEMAS / "2018-06-01" / "Microsoft.DataFactory.json").read_bytes())
    common = json.loads((SCHEMAS / "common" / "definitions.json").read_bytes())
    registry: Registry[Any] = Registry().with_resources(
        (f"{_SCHEMA_ROOT}{path}", DRAFT4.create_resource(contents))
        for path, contents in (
            ("2018-06-01/Microsoft.DataFactory.json", schema),
            ("common/definitions.json", common),
        )
    )
    kind = resource["type"].removeprefix("Microsoft.DataFactory/").replace("/", "_")
    home = f"{_SCHEMA_ROOT}2018-06-01/Microsoft.DataFactory.json"
    validator = jsonschema.Draft4Validator(
        {"$ref": f"{home}#/resourceDefinitions/{kind}"}, registry=registry
    )
    validator.validate(resource)
    # It takes any property of a name that it does not know: a misspelt one must not pass.
    known = set(texts(schema))
    free = {"whl", "spark.sql.session.timeZone", *PIPELINE["parameters"]} | {
        name
        for activity in ACTIVITIES.values()
        for name in activity["typeProperties"].get("storedProcedureParameters", {})
    }
    assert set(names(resource)) - free <= known | {"dependsOn", "apiVersion"}
