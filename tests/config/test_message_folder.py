import json
import os
from concurrent.futures import ThreadPoolExecutor
from queue import Empty
from threading import Thread

import pytest
from kombu import Connection
from kombu.transport import filesystem

from config import celery_app, message_folder

N_WRITERS, N_READERS, N_MESSAGES = 4, 4, 50  # messages of each writer


@pytest.fixture
def connect(tmp_path):
    """Return a function that opens a channel to one folder of messages, as each process does."""
    (tmp_path / "control").mkdir()
    folders = {name: str(tmp_path) for name in ("data_folder_in", "data_folder_out")}
    options = {**folders, "control_folder": str(tmp_path / "control")}
    opened = []

    def channel(transport):
        connection = Connection("filesystem://localhost/", transport=transport, transport_options=options)
        opened.append(connection)
        return connection.channel()

    yield channel
    for connection in opened:
        connection.release()


class ReadWhileWritten:
    """A message's content that, while it is written, has somebody else look for messages."""

    def __init__(self, reader):
        self.reader = reader
        self.found = None

    def __json__(self):
        try:
            self.found = self.reader._get("celery")
        except (Empty, json.JSONDecodeError) as error:
            self.found = error
        return "content"


def write(connect, transport):
    """Write a message; return the channel, and what a reader finds while it is written."""
    writer = connect(transport)
    content = ReadWhileWritten(reader=connect(transport))
    writer._put("celery", {"body": content})
    return writer, content.found


def test_a_reader_of_kombus_own_transport_finds_half_a_message_and_it_is_lost(connect):
    channel, meanwhile = write(connect, filesystem.Transport)

    assert isinstance(meanwhile, json.JSONDecodeError)
    with pytest.raises(Empty):
        channel._get("celery")


def test_a_reader_of_ours_finds_a_message_when_it_is_whole(connect):
    channel, meanwhile = write(connect, message_folder.Transport)

    assert isinstance(meanwhile, Empty)
    assert channel._get("celery") == {"body": "content"}


def test_several_writers_and_readers_lose_and_double_nothing(connect):
    sent = [[(writer, n) for n in range(N_MESSAGES)] for writer in range(N_WRITERS)]

    def write_all(messages):
        channel = connect(message_folder.Transport)
        for message in messages:
            channel._put("celery", {"body": message})

    def read(_):
        channel, got = connect(message_folder.Transport), []
        while writing or channel._size("celery"):
            try:
                got.append(tuple(channel._get("celery")["body"]))
            except Empty:
                continue
        return got

    with ThreadPoolExecutor(N_WRITERS + N_READERS) as pool:
        writing = [pool.submit(write_all, messages) for messages in sent]
        reading = [pool.submit(read, None) for _ in range(N_READERS)]
        for future in writing:
            future.result()
        writing = []
        received = [message for future in reading for message in future.result()]

    assert sorted(received) == sorted(message for messages in sent for message in messages)


def test_messages_of_one_writer_come_in_their_order(connect):
    channel = connect(message_folder.Transport)
    for n in range(12):
        channel._put("celery", {"body": n})

    assert [channel._get("celery")["body"] for _ in range(12)] == list(range(12))


def test_a_message_for_another_queue_is_left_there(connect):
    channel = connect(message_folder.Transport)
    channel._put("training", {"body": 1})

    with pytest.raises(Empty):
        channel._get("celery")
    assert channel._get("training") == {"body": 1}


def test_processes_that_begin_to_listen_at_once_are_all_heard_of(connect):
    def listen(n):
        channel = connect(message_folder.Transport)
        for exchange in range(10):
            channel._queue_bind(f"exchange-{exchange}", "", "", f"queue-{n}")
            channel.get_table(f"exchange-{exchange}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(listen, range(8)))

    tables = [connect(message_folder.Transport).get_table(f"exchange-{n}") for n in range(10)]
    assert [sorted(row.queue for row in table) for table in tables] == [[f"queue-{n}" for n in range(8)]] * 10


def bind_while_somebody_asks(connect, transport, monkeypatch):
    """Begin to listen, while somebody else asks who does; return what they are told."""
    asking, told, lock = connect(transport), [], filesystem.lock

    def ask():
        try:
            told.append(asking.get_table("news"))
        except json.JSONDecodeError as error:
            told.append(error)

    def ask_first(file, how):
        monkeypatch.setattr(filesystem, "lock", lock)
        thread.start()
        thread.join(0.1)  # the time that it takes, unless it waits for us
        lock(file, how)

    thread = Thread(target=ask)
    monkeypatch.setattr(filesystem, "lock", ask_first)
    connect(transport)._queue_bind("news", "", "", "listener")
    thread.join()
    return told[0]


def test_who_asks_kombus_own_transport_who_listens_finds_an_empty_table(connect, monkeypatch):
    told = bind_while_somebody_asks(connect, filesystem.Transport, monkeypatch)

    assert isinstance(told, json.JSONDecodeError)


def test_who_asks_ours_waits_until_the_table_is_whole(connect, monkeypatch):
    told = bind_while_somebody_asks(connect, message_folder.Transport, monkeypatch)

    assert [row.queue for row in told] == ["listener"]


@pytest.mark.skipif("REDIS_URL" in os.environ, reason="the broker is Redis then")
def test_the_site_uses_it_where_there_is_no_redis():
    with celery_app.connection_for_write() as connection:
        assert isinstance(connection.transport, message_folder.Transport)
