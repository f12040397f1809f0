import json
import logging
import re

import pytest
from celery import current_app, shared_task, signals
from django.http import HttpResponse
from django.urls import path

from operations import logs, tracing
from tests.factories import make_user

MADE = re.compile(r"[0-9a-f]{32}")


@pytest.fixture
def lines():
    """What is logged, as JSON."""
    found = []

    class Keeper(logging.Handler):
        def emit(self, record):
            found.append(json.loads(self.format(record)))

    keeper = Keeper()
    keeper.setFormatter(logs.JsonLines())
    keeper.addFilter(logs.ToldOnce())
    root = logging.getLogger()
    level = root.level
    root.addHandler(keeper)
    root.setLevel(logging.INFO)
    yield found
    root.removeHandler(keeper)
    root.setLevel(level)


@pytest.mark.django_db
def test_a_request_is_one_line_that_names_no_more_than_is_needed(client, lines):
    user = make_user(email="ada@example.org")
    client.force_login(user)

    response = client.get("/account/?token=secret")

    [line] = lines
    assert line["request_id"] == response["X-Request-ID"]
    assert MADE.fullmatch(line["request_id"])
    assert (line["method"], line["route"], line["status"]) == ("GET", "accounts:account", 200)
    assert line["user"] == user.pk
    assert line["ms"] >= 0
    assert not re.search(f"secret|ada@example.org|{user.username}", json.dumps(line))


@pytest.mark.django_db
def test_whoever_nobody_asked_for_is_not_looked_up_for_the_log(client, lines, django_assert_num_queries):
    client.force_login(make_user())

    with django_assert_num_queries(0):
        client.get("/favicon.ico")

    assert lines[-1]["user"] is None


@pytest.mark.django_db
def test_an_address_that_leads_nowhere_is_one_line_too(client, lines):
    client.get("/nowhere/at/all/")

    assert [(line["route"], line["status"]) for line in lines] == [("none", 404)]


def test_the_id_of_a_proxy_of_ours_is_taken(client, settings):
    settings.N_PROXIES = 1

    assert client.get("/favicon.ico", headers={"X-Request-ID": "abc-1"})["X-Request-ID"] == "abc-1"


def test_the_id_that_a_visitor_gives_is_not(client, settings):
    settings.N_PROXIES = 0

    assert MADE.fullmatch(client.get("/favicon.ico", headers={"X-Request-ID": "abc-1"})["X-Request-ID"])


def test_an_id_with_more_than_letters_and_digits_is_not_taken(client, settings):
    settings.N_PROXIES = 1

    response = client.get("/favicon.ico", headers={"X-Request-ID": 'a" level="none'})

    assert MADE.fullmatch(response["X-Request-ID"])


def break_down(_request):
    raise ZeroDivisionError("of all things")


def send_a_task(_request):
    with current_app.connection_for_write("memory://") as connection:
        greet.apply_async(connection=connection)
    return HttpResponse("sent")


urlpatterns = [path("breaks/", break_down, name="breaks"), path("sends/", send_a_task, name="sends")]


@pytest.mark.urls(__name__)
def test_an_error_carries_its_traceback_as_a_field(client, lines):
    client.raise_request_exception = False

    response = client.get("/breaks/")

    error, line = lines
    assert error["level"] == "ERROR"
    assert "ZeroDivisionError: of all things" in error["traceback"]
    assert (line["route"], line["status"]) == ("breaks", 500)
    assert error["request_id"] == line["request_id"] == response["X-Request-ID"]


@shared_task
def greet():
    logging.getLogger("somewhere").info("hello")


@shared_task
def stumble():
    raise ZeroDivisionError("of all things")


@pytest.mark.urls(__name__)
def test_a_task_is_sent_with_the_id_of_its_request(client, settings):
    sent = []
    signals.before_task_publish.connect(
        lambda headers, **_signal: sent.append(headers), weak=False, dispatch_uid="x"
    )
    eager, current_app.conf.task_always_eager = current_app.conf.task_always_eager, False

    response = client.get("/sends/")

    current_app.conf.task_always_eager = eager
    signals.before_task_publish.disconnect(dispatch_uid="x")
    assert [headers[tracing.FIELD] for headers in sent] == [response["X-Request-ID"]]


def test_what_a_task_logs_has_the_id_of_the_request_that_sent_it(lines):
    from celery.app.trace import build_tracer

    headers = {"id": "7", "task": greet.name, tracing.FIELD: "abc-1", "is_eager": False}
    tracer = build_tracer(greet.name, greet._get_current_object(), app=current_app._get_current_object())

    tracer("7", (), {}, headers)

    hello, line = lines
    assert hello["message"] == "hello"
    assert hello["request_id"] == line["request_id"] == "abc-1"
    assert (line["task"], line["task_id"], line["state"]) == (greet.name, "7", "SUCCESS")
    assert tracing.current() == ""


def test_what_beat_sends_is_told_where_it_breaks_alone(lines):
    from celery.app.trace import build_tracer

    for task in (greet, stumble):
        tracer = build_tracer(task.name, task._get_current_object(), app=current_app._get_current_object())
        tracer("7", (), {}, {"id": "7", "task": task.name, "is_eager": False})

    assert [line["state"] for line in lines if line["logger"] == "nestwork.tasks"] == ["FAILURE"]
    assert [line["level"] for line in lines if "ZeroDivisionError" in line.get("traceback", "")] == ["ERROR"]


def test_celery_leaves_the_log_as_the_settings_say():
    level = logging.getLogger().level

    current_app.log.setup(loglevel="CRITICAL")

    assert logging.getLogger().level == level


def test_text_lines_name_the_request_at_their_end(rf):
    record = logging.LogRecord("nestwork", logging.INFO, "", 0, "hello", (), None)
    said = []

    def respond(_request):
        said.append(logs.TextLines().format(record))
        return HttpResponse()

    response = tracing.TraceRequests(respond)(rf.get("/"))

    assert said[0].endswith(f"INFO nestwork: hello [request {response['X-Request-ID']}]")
