import os
import subprocess
import sys

from django.conf import settings

CHECK = [sys.executable, "manage.py", "check"]


def run_with(tmp_path, *options: str, **environment: str) -> subprocess.CompletedProcess:
    """Start a process on the real settings; nothing of the tests' own environment decides."""
    names = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "SECRET_KEY", "DEBUG")
    env = {key: value for key, value in os.environ.items() if key not in names}
    return subprocess.run(
        [*CHECK, *options],
        cwd=settings.BASE_DIR,
        env={**env, "VAR_DIR": str(tmp_path), **environment},
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
    result = run_with(tmp_path, *DEPLOYED, **BEHIND_A_PROXY, BEHIND_TLS="1")

    assert result.returncode == 0, result.stderr
    assert "no issues" in result.stdout


def test_django_warns_of_a_server_without_tls(tmp_path):
    result = run_with(tmp_path, *DEPLOYED, **BEHIND_A_PROXY, BEHIND_TLS="0")

    assert result.returncode != 0
    assert "SESSION_COOKIE_SECURE" in result.stderr


def test_no_check_is_silenced_but_the_two_that_bind_the_whole_domain():
    assert settings.SILENCED_SYSTEM_CHECKS == ["security.W005", "security.W021"]


def test_a_misspelt_switch_is_refused_by_its_name(tmp_path):
    result = run_with(tmp_path, DEBUG="maybe")

    assert "DEBUG: expected 1 or 0; found 'maybe'" in result.stderr


def test_a_number_that_is_none_is_refused_by_its_name(tmp_path):
    result = run_with(tmp_path, SECOND_CURATOR_FROM="many")

    assert "SECOND_CURATOR_FROM: expected a whole number, 0 or more; found 'many'" in result.stderr


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
