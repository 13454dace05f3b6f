"""The containers' files: what they name exists, nothing is secret or open beyond loopback."""

import re
import shutil
import subprocess

import pytest
import yaml

from tasks import settings

FOLDER = settings.CHECKOUT / "deployments"
TEXT = (FOLDER / "compose.yaml").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
DOCKERFILE = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
ENV_EXAMPLE = (FOLDER / "qilin.env.example").read_text(encoding="utf-8")


def ends_by_itself(name):
    """Whether others wait for the service's end instead of its health."""
    waits = [s.get("depends_on", {}).get(name, {}) for s in SERVICES.values()]
    return any(w.get("condition") == "service_completed_successfully" for w in waits)


def test_every_lasting_service_has_a_healthcheck_and_comes_back():
    for name, service in SERVICES.items():
        if ends_by_itself(name):
            assert service["restart"] == "no", name
        else:
            assert service["healthcheck"]["test"][0] == "CMD", name
            assert service["restart"] == "unless-stopped", name


def test_whoever_waits_for_health_waits_for_something_that_has_it():
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in SERVICES, f"{name} waits for {other}"
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], f"{name} waits for {other}"


def test_ports_are_opened_on_loopback_alone():
    opened = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert opened
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in opened)
    assert "network_mode" not in TEXT
    assert "privileged: true" not in TEXT


def images():
    named = [s["image"] for s in SERVICES.values() if not s["image"].startswith("qilin:")]
    built = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    stages = re.findall(r"^FROM \S+ AS (\S+)", DOCKERFILE, re.MULTILINE)
    return [*named, *(image for image in built if image not in stages)]


def test_images_are_pinned_and_come_from_the_public_registry():
    assert len(images()) >= 5
    for image in images():
        name, _, tag = image.partition(":")
        assert re.fullmatch(r"v?\d+\.\d+(\.\d+)?(-[a-z]+)*", tag), image
        assert "." not in name.split("/")[0], f"{image} names a registry"


def test_no_secret_stands_in_a_file():
    assert not re.search(r"(?i)(password|token|secret|access_key)\w*: *[\"']?[A-Za-z0-9]{8,}", TEXT)
    for line in ENV_EXAMPLE.splitlines():
        name, given, value = line.partition("=")
        if given and re.search(r"PASSWORD|TOKEN|SECRET|KEY", name) and not name.startswith("#"):
            assert value == "", name
    ignored = (settings.CHECKOUT / ".gitignore").read_text().splitlines()
    assert {"deployments/qilin.env", "deployments/tls/"} <= set(ignored)


def test_every_variable_is_explained_in_the_example_and_every_example_is_used():
    used = set(re.findall(r"\$\{(\w+)", TEXT)) | {
        secret["environment"] for secret in COMPOSE["secrets"].values()
    }
    shown = set(re.findall(r"^(\w+)=", ENV_EXAMPLE, re.MULTILINE))
    assert used == shown


def test_mounted_files_and_volumes_exist():
    for name, service in SERVICES.items():
        for mount in service.get("volumes", ()):
            source = mount.split(":")[0]
            if source.startswith("."):
                assert (FOLDER / source).exists(), f"{name}: {source}"
            else:
                assert source in COMPOSE["volumes"], f"{name}: {source}"
        for secret in service.get("secrets", ()):
            assert secret in COMPOSE["secrets"]


def test_every_target_of_the_dockerfile_is_there_and_runs_without_root():
    stages = re.findall(r"^FROM (\S+) AS (\S+)", DOCKERFILE, re.MULTILINE)
    names = [name for _, name in stages]
    for service in SERVICES.values():
        if "build" in service:
            assert service["build"]["target"] in names
            assert service["image"] == f"qilin:{service['build']['target']}"
            assert service["cap_drop"] == ["ALL"]
    runtime = DOCKERFILE[DOCKERFILE.index("AS runtime") :]
    assert "\nUSER qilin\n" in runtime
    assert "USER root" not in DOCKERFILE
    assert {base for base, name in stages if name in ("cpu", "gpu")} == {"runtime"}
    copied = re.findall(r"^COPY --from=(\S+)", DOCKERFILE, re.MULTILINE)
    assert set(copied) <= set(names)


def test_what_the_dockerfile_copies_is_in_its_context():
    ignore = (settings.CHECKOUT / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in ignore if line.startswith("!")}
    for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE):
        *sources, _ = [word for word in line.split() if not word.startswith("--")]
        for source in sources:
            assert (settings.CHECKOUT / source).exists(), source
            assert source in allowed, source


def test_commands_name_modules_and_commands_that_exist():
    for name, service in SERVICES.items():
        command = service.get("command")
        if command and command[0] == "python":
            module = command[command.index("-m") + 1]
            assert (settings.CHECKOUT / f"{module.replace('.', '/')}.py").exists(), name
        elif command and "build" in service:
            assert command[0] in ("prefect", "dask", "sh"), name


def test_dask_speaks_tls_and_nothing_else():
    config = yaml.safe_load((FOLDER / "dask" / "tls.yaml").read_text())
    assert config["distributed"]["comm"]["require-encryption"] is True
    for service in SERVICES.values():
        if service["image"].startswith("qilin:"):
            assert service["environment"]["DASK_CONFIG"].endswith("deployments/dask/tls.yaml")
            assert service["environment"]["QILIN_CLUSTER"].startswith("tls://")
    assert "tcp://" not in TEXT


def test_docker_reads_the_file(tmp_path):
    docker = shutil.which("docker")
    probe = [docker, "compose", "version"]
    if docker is None or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("docker compose is not installed here")
    filled = re.sub(r"PASSWORD=$", "PASSWORD=x", ENV_EXAMPLE, flags=re.MULTILINE)
    (tmp_path / "env").write_text(filled)
    files = ["--env-file", tmp_path / "env", "-f", FOLDER / "compose.yaml"]
    for more in ([], ["--profile", "gpu"]):
        command = [docker, "compose", *files, *more, "config", "--quiet"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
