import os
import subprocess
import sys

import pytest
from django.conf import settings

CHECK = [sys.executable, "manage.py", "check"]


SHELL = [sys.executable, "manage.py", "shell", "--no-imports", "--verbosity", "0", "--command"]
SERVE = [sys.executable, "-m", "config.serve", "--only", "beat"]


def run_with(tmp_path, *, command: list[str] = CHECK, **environment: str) -> subprocess.CompletedProcess:
    """Start a process on the real settings; nothing of the tests' own environment decides."""
    names = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "SECRET_KEY", "DEBUG")
    env = {key: value for key, value in os.environ.items() if key not in names}
    return subprocess.run(
        command,
        cwd=settings.BASE_DIR,
        env={**env, "VAR_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_with_nothing_set_the_site_starts(tmp_path):
    result = run_with(tmp_path)

    assert result.returncode == 0
    assert "no issues" in result.stdout


def test_without_debug_and_secret_key_it_stops_with_a_clear_sentence(tmp_path):
    result = run_with(tmp_path, DEBUG="0")

    assert result.returncode != 0
    assert "DEBUG=0 needs SECRET_KEY" in result.stderr


def test_without_debug_but_with_a_secret_key_it_starts(tmp_path):
    result = run_with(tmp_path, DEBUG="0", SECRET_KEY="long and random" * 5)

    assert result.returncode == 0


BEHIND_A_PROXY = {
    "DEBUG": "0",
    "SECRET_KEY": "Ag3-" + "".join(map(chr, range(48, 123))),
    "ALLOWED_HOSTS": "labels.example.org",
    "CSRF_TRUSTED_ORIGINS": "https://labels.example.org",
}
DEPLOYED = ("--deploy", "--fail-level", "WARNING")


def test_django_finds_nothing_amiss_with_a_server_behind_tls(tmp_path):
    result = run_with(tmp_path, command=[*CHECK, *DEPLOYED], **BEHIND_A_PROXY, BEHIND_TLS="1")

    assert result.returncode == 0, result.stderr
    assert "no issues" in result.stdout


def test_django_warns_of_a_server_without_tls(tmp_path):
    result = run_with(tmp_path, command=[*CHECK, *DEPLOYED], **BEHIND_A_PROXY, BEHIND_TLS="0")

    assert result.returncode != 0
    assert "SESSION_COOKIE_SECURE" in result.stderr


def test_no_check_is_silenced_but_the_two_that_bind_the_whole_domain():
    assert settings.SILENCED_SYSTEM_CHECKS == ["security.W005", "security.W021"]


@pytest.mark.parametrize("command", [CHECK, SERVE], ids=["manage.py", "config.serve"])
def test_a_setting_that_cannot_be_used_ends_it_with_one_sentence(tmp_path, command):
    result = run_with(tmp_path, command=command, SECOND_CURATOR_FROM="many")

    assert result.returncode == 1
    assert result.stderr == "SECOND_CURATOR_FROM: expected a whole number, 0 or more; found 'many'.\n"


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"CSRF_TRUSTED_ORIGINS": "a.org"}, "begin with https:// or http://; found 'a.org'"),
        ({"S3_BUCKET": "pictures", "S3_ACCESS_KEY": "key"}, "S3_ACCESS_KEY needs S3_SECRET_KEY"),
        ({"VAR_DIR": "/proc/nowhere"}, "VAR_DIR: expected a folder that can be made; found '/proc/nowhere'"),
        ({"SANDBOX_REQUIRES": "landlok"}, "SANDBOX_REQUIRES: expected some of "),
    ],
)
def test_settings_that_do_not_fit_are_refused(tmp_path, environment, complaint):
    result = run_with(tmp_path, **environment)

    assert result.returncode == 1
    assert complaint in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_the_databases_password_may_be_in_a_file(tmp_path):
    (tmp_path / "password").write_text("quiet\n")
    code = "from django.conf import settings; print(settings.DATABASES['default']['PASSWORD'])"
    named = {
        "DATABASE_URL": "postgresql://nestwork@host/nestwork",
        "POSTGRES_PASSWORD_FILE": str(tmp_path / "password"),
    }
    result = run_with(tmp_path, command=[*SHELL, code], **named)

    assert result.stdout == "quiet\n"


def test_sqlite_is_in_wal_mode_and_takes_its_lock_at_the_start(tmp_path):
    code = (
        "from django.db import connection as c; k = c.cursor(); "
        "print(k.execute('PRAGMA journal_mode').fetchone()[0], c.settings_dict['OPTIONS']['transaction_mode'])"
    )
    result = subprocess.run(
        [sys.executable, "manage.py", "shell", "--verbosity", "0", "--command", code],
        cwd=settings.BASE_DIR,
        env={**os.environ, "VAR_DIR": str(tmp_path), "DATABASE_URL": "", "DJANGO_SETTINGS_MODULE": ""}
        | {"DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert result.stdout.split() == ["wal", "IMMEDIATE"]


def test_an_unknown_format_of_the_log_is_refused(tmp_path):
    result = run_with(tmp_path, LOG_FORMAT="xml")

    assert "LOG_FORMAT: expected one of text, json; found 'xml'" in result.stderr
