"""What `automation/` holds for production, as far as it can be tried without an init system or a
container engine."""

import json
import re
import shutil
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from click.testing import CliRunner

from crypto_pipeline.cli import main
from crypto_pipeline.config.settings import Settings

ROOT = Path(__file__).parents[1]
AUTOMATION = ROOT / "automation"
UNITS = sorted((AUTOMATION / "systemd").glob("crypto-pipeline*"))
COMPOSE = yaml.safe_load((AUTOMATION / "docker" / "compose.yaml").read_text())
DOCKERFILE = (AUTOMATION / "docker" / "Dockerfile").read_text()


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = spec_from_file_location("audit", AUTOMATION / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for unit in UNITS:
        # The program is not installed where the units look for it.
        text = unit.read_text().replace("/opt/crypto-pipeline/bin/crypto-pipeline", sys.executable)
        (tmp_path / unit.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *tmp_path.iterdir()],
        capture_output=True,
        text=True,
    )
    complaints = [line for line in done.stderr.splitlines() if "crypto-pipeline" in line]
    assert (done.returncode, complaints) == (0, [])


def test_every_service_of_the_units_and_of_compose_is_one() -> None:
    commands = [
        command.split()
        for unit in UNITS
        for command in re.findall(r"^ExecStart=\S+/crypto-pipeline (.*)$", unit.read_text(), re.M)
    ] + [service["command"] for service in COMPOSE["services"].values() if "command" in service]
    assert len(commands) == 3 + 4
    for command in commands:
        if command == ["migrate"]:
            continue
        assert command[0] == "service"
        # As far as it goes without a server.
        output = CliRunner().invoke(main, command).output
        assert "a service needs a PostgreSQL of your own" in output


def test_no_container_is_root_or_writes_where_it_should_not() -> None:
    users = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)
    assert users == ["10001:10001"]
    for name, service in COMPOSE["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert service["image"] == "crypto-pipeline" or service["user"] == "postgres", name
        assert "healthcheck" in service or name == "migrate", name
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name


def test_compose_sets_variables_that_there_are() -> None:
    variables = {name.upper() for name in Settings.model_fields}
    for name, service in COMPOSE["services"].items():
        if name != "postgres":
            assert set(service["environment"]) <= variables, name


def test_the_image_gets_every_file_that_the_wheel_needs() -> None:
    ignored = (AUTOMATION / "docker" / "Dockerfile.dockerignore").read_text().splitlines()
    copied = [
        path
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
        for path in line.split()[:-1]
    ]
    assert {f"!{path}" for path in copied} <= set(ignored)
    assert all((ROOT / path).exists() for path in copied)


def test_what_is_shipped_is_what_is_tested() -> None:
    """The production lock is a part of the development lock, with the same versions and hashes; a
    package may be for fewer systems there."""

    def locked(path: Path) -> dict[str, str]:
        blocks = re.split(r"^(?=[a-z])", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        return {
            block.partition("==")[0]: re.sub(r" ;[^\\\n]*(?=\\)| (?=\\)", "", block).strip()
            for block in blocks
            if "==" in block
        }

    shipped, tested = locked(AUTOMATION / "requirements.txt"), locked(ROOT / "requirements.txt")
    assert "dagster-webserver" in shipped
    assert "pytest" not in shipped
    differing = [name for name, block in shipped.items() if tested.get(name) != block]
    assert differing == []


def test_every_extra_can_be_installed_by_hashes() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    extras = project.partition("[project.optional-dependencies]")[2].partition("\n[")[0]
    wanted = set(re.findall(r'"([a-z0-9-]+)', extras))
    assert {"s3fs", "gcsfs", "adlfs", "boto3", "deltalake"} <= wanted
    lock = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert wanted <= set(re.findall(r"^([a-z0-9-]+)", lock, re.MULTILINE))


@pytest.mark.parametrize(
    ("packages", "status", "said"),
    [
        ([], 0, "knows none"),
        ([{"name": "a", "skip_reason": "not found"}], 0, "knows none"),
        (
            [{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "editable"}],
            0,
            "1 packages looked up, 1 unknown, 0 findings",
        ),
        (
            [{"name": "a", "version": "1", "vulns": [{"id": "X-1", "fix_versions": ["2"]}]}],
            1,
            "a 1 has X-1, mended in 2",
        ),
    ],
)
def test_a_finding_ends_the_audit_and_ignorance_does_not(
    packages: list[dict[str, object]], status: int, said: str, audit: ModuleType
) -> None:
    code, lines = audit.judge(json.dumps({"dependencies": packages}), "")
    assert code == status
    assert said in "\n".join(lines)


def test_an_advisory_service_out_of_reach_is_said_and_no_failure(audit: ModuleType) -> None:
    code, lines = audit.judge("", "a\nrequests.exceptions.ConnectionError: no route")
    assert code == 0
    assert lines == [
        "audit: the advisory service could not be reached, nothing is known:"
        " requests.exceptions.ConnectionError: no route"
    ]
